package metrics

// Progress is how far work has come that may take long.
type Progress struct {
	What  string // such as "preparing photos"
	Unit  string // of what is counted, such as "images"
	Done  int
	Total int  // 0 while it is not known
	Ended bool // nothing more comes of this work, whether it succeeded or not; the other fields are zero
}
