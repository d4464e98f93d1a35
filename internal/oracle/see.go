package oracle

import "math"

// A view is how an image is looked at: where the crop's top left corner lies, whether it is mirrored, and what is added
// to each colour.
type view struct {
	top, left int
	mirror    bool
	shift     [3]float64
}

// centre is the crop in the middle, half a pixel up and left of it where there is no middle.
func (o *Oracle) centre() view {
	half := func(n int) int { return int(math.Floor(float64(n) / 2)) }
	return view{top: half(o.set.Height - o.config.Data.Crop), left: half(o.set.Width - o.config.Data.Crop)}
}

// drawn is how an image is looked at in an epoch of the training. Image i draws words 4i to 4i+2: top, left, mirror;
// and normal numbers 4i to 4i+2: how much of each principal colour is added.
func (o *Oracle) drawn(epoch, image int) view {
	d, v, first := o.config.Data, o.centre(), 4*uint64(image)
	place := stream{o.config.Train.Seed, augment, 0, uint32(epoch)}
	if d.RandomCrop {
		v.top = place.below(o.set.Height+2*d.Pad-d.Crop+1, first) - d.Pad
		v.left = place.below(o.set.Width+2*d.Pad-d.Crop+1, first+1) - d.Pad
	}
	v.mirror = d.Mirror && place.below(2, first+2) == 1
	colors := stream{o.config.Train.Seed, augment, 1, uint32(epoch)}
	for c := range 3 {
		for k := range 3 {
			v.shift[c] += d.ColorNoise * colors.normal(first+
				uint64(k)) * float64(o.set.Deviations[k]) * float64(o.set.Colors[k][c])
		}
		v.shift[c] = single(v.shift[c])
	}
	return v
}

// views are those of testing: the centre, or the corners and the centre, and all of them mirrored.
func (o *Oracle) views(n int) []view {
	if n == 1 {
		return []view{o.centre()}
	}
	bottom, right := o.set.Height-o.config.Data.Crop, o.set.Width-o.config.Data.Crop
	views := []view{{}, {left: right}, {top: bottom}, {top: bottom, left: right}, o.centre()}
	for _, v := range views {
		v.mirror = true
		views = append(views, v)
	}
	return views
}

// seen is what training sees of an image in an epoch.
func (o *Oracle) seen(pixels []byte, epoch, image int) []float64 {
	if o.windows() {
		return o.seeThrough(pixels, o.window(epoch, image))
	}
	return o.see(pixels, o.drawn(epoch, image))
}

// windows reports whether training sees parts of images that are scaled or turned, or whose light is drawn.
func (o *Oracle) windows() bool {
	d := o.config.Data
	return d.CropArea != nil || d.Rotate > 0 || d.Brightness > 0 || d.Contrast > 0
}

// A window is a rectangle anywhere in an image, turned about its middle, and what its grey levels and their distance
// from the mean are multiplied with. A place of the crop is carried to the image by two lines of numbers: where the
// first pixel lies, what a row adds and what a column adds.
type window struct {
	view
	line, column         [3]float32
	brightness, contrast float32
}

// window is a view whose rest is drawn: words 8i to 8i+4 of stream 2 are the area, the shape, the angle, brightness and
// contrast.
func (o *Oracle) window(epoch, image int) window {
	d, v := o.config.Data, o.drawn(epoch, image)
	draw := stream{o.config.Train.Seed, augment, 2, uint32(epoch)}
	within := func(low, high float64, word int) float64 { return low + (high-low)*draw.share(uint64(8*image+word)) }
	top, left, crop := float64(v.top), float64(v.left), float64(d.Crop)
	tall, wide := crop, crop
	if d.CropArea != nil {
		h, w := float64(o.set.Height), float64(o.set.Width)
		shape := d.CropRatio
		if shape == nil {
			shape = []float64{3. / 4, 4. / 3}
		}
		area := within(d.CropArea[0], d.CropArea[1], 0) * h * w
		ratio := math.Exp(within(math.Log(shape[0]), math.Log(shape[1]), 1))
		tall, wide = math.Min(math.Sqrt(area/ratio), h), math.Min(math.Sqrt(area*ratio), w)
		top, left = (h-tall)/2, (w-wide)/2
		if d.RandomCrop {
			place, pad := stream{o.config.Train.Seed, augment, 0, uint32(epoch)}, float64(d.Pad)
			top = place.share(uint64(4*image))*(h-tall+2*pad) - pad
			left = place.share(uint64(4*image+1))*(w-wide+2*pad) - pad
		}
	}
	angle := within(-d.Rotate, d.Rotate, 2) * math.Pi / 180
	sin, cos := math.Sin(angle), math.Cos(angle)
	// A row and a column of the crop are steps of the window's, turned; a mirrored one has its columns the other way.
	rows, columns := tall/crop, wide/crop
	if v.mirror {
		columns = -columns
	}
	carry := func(middle, row, column float64) [3]float32 {
		return [3]float32{float32(middle - (row+column)*(crop-1)/2), float32(row), float32(column)}
	}
	return window{view: v, line: carry(top+tall/2-0.5, cos*rows, sin*columns),
		column:     carry(left+wide/2-0.5, -sin*rows, cos*columns),
		brightness: float32(within(1-d.Brightness, 1+d.Brightness, 3)),
		contrast:   float32(within(1-d.Contrast, 1+d.Contrast, 4))}
}

// seeThrough is the network's input: of an image [H,W,3] the window, [3,Crop,Crop], 0 where it reaches over the edge.
func (o *Oracle) seeThrough(image []byte, v window) []float64 {
	h, w, crop := o.set.Height, o.set.Width, o.config.Data.Crop
	x := make([]float64, 3*crop*crop)
	carried := func(by [3]float32, row, column int) float64 {
		return single(float64(by[1])*float64(row) + single(float64(by[2])*float64(column)+float64(by[0])))
	}
	for at := range x {
		c, row, column := at/(crop*crop), at/crop%crop, at%crop
		line, place := carried(v.line, row, column), carried(v.column, row, column)
		if line < -0.5 || line >= float64(h)-0.5 || place < -0.5 || place >= float64(w)-0.5 {
			continue
		}
		line, place = math.Min(math.Max(line, 0), float64(h-1)), math.Min(math.Max(place, 0), float64(w-1))
		for i := int(line); i <= min(int(line)+1, h-1); i++ {
			for j := int(place); j <= min(int(place)+1, w-1); j++ {
				near := (1 - math.Abs(line-float64(i))) * (1 - math.Abs(place-float64(j)))
				grey := float64(v.brightness)*float64(image[(i*w+j)*3+c]) - o.mean(c, i, j)
				x[at] += near * o.scale(c) * float64(v.contrast) * (grey + v.shift[c])
			}
		}
	}
	o.perturb(x)
	return x
}

// see is the network's input: of an image [H,W,3] the crop [3,Crop,Crop], 0 where it reaches over the edge.
func (o *Oracle) see(image []byte, v view) []float64 {
	h, w, crop := o.set.Height, o.set.Width, o.config.Data.Crop
	x := make([]float64, 3*crop*crop)
	for at := range x {
		c, row, column := at/(crop*crop), v.top+at/crop%crop, v.left+at%crop
		if v.mirror {
			column = v.left + crop - 1 - at%crop
		}
		if row < 0 || row >= h || column < 0 || column >= w {
			continue
		}
		x[at] = o.scale(c) * (float64(image[(row*w+column)*3+c]) - o.mean(c, row, column) + v.shift[c])
	}
	o.perturb(x)
	return x
}

// mean is what is subtracted of a colour at a place of the image.
func (o *Oracle) mean(c, row, column int) float64 {
	switch given := o.config.Data.Mean.(type) {
	case []any:
		return float64(float32(given[c].(float64)))
	default:
		switch given {
		case "image":
			return o.set.MeanImage[(c*o.set.Height+row)*o.set.Width+column]
		case "channel":
			return float64(o.set.MeanColor[c])
		}
	}
	return 0
}

// scale is what is multiplied with then.
func (o *Oracle) scale(c int) float64 {
	scale := o.config.Data.Scale
	if o.config.Data.Std != nil {
		scale /= o.config.Data.Std[c]
	}
	return float64(float32(scale))
}
