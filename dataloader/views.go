package dataloader

// Views are the draws of the crops of testing for images of height x width: the centre for n = 1, ten views for n = 10.
func Views(height, width, crop, n int) [][DrawWidth]float32 {
	a := augmenter{Config: Config{Crop: crop}, height: height, width: width}
	views := make([][DrawWidth]float32, n)
	for i, v := range a.views(n) {
		v.put(views[i][:], 0)
	}
	return views
}
