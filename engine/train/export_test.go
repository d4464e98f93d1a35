package train

// LimitRoom has the memory and the disk that are free taken for so many bytes, 0 for what they are, until the function
// is called.
func LimitRoom(memory, disk int64) (restore func()) {
	room.memory, room.disk = memory, disk
	return func() { room.memory, room.disk = 0, 0 }
}
