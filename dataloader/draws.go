package dataloader

import (
	"duet/dataloader/packed"
	"duet/internal/rng"
)

// DrawWidth is the number of augmentation numbers of an image.
const DrawWidth = 6

// An augmentation is what happens to one image: top and left of the crop in pixels (negative in the padding), 1 when
// it is mirrored left to right, and the shift of R, G and B on the scale 0 to 255.
type augmentation struct {
	top, left        int
	mirror           bool
	red, green, blue float32
}

// put writes the draw as row i of draws [N,6].
func (d augmentation) put(draws []float32, i int) {
	row := draws[i*DrawWidth : (i+1)*DrawWidth]
	row[0], row[1], row[2] = float32(d.top), float32(d.left), 0
	if d.mirror {
		row[2] = 1
	}
	row[3], row[4], row[5] = d.red, d.green, d.blue
}

// An augmenter draws the training augmentation of images of one set.
type augmenter struct {
	Config
	height, width int
	colors        [3][3]float64 // row k: the k-th principal colour times its standard deviation
	seed          uint64
}

func newAugmenter(s *packed.Set, c Config, seed uint64) augmenter {
	a := augmenter{Config: c, height: s.Height(), width: s.Width(), seed: seed}
	eigen, std := s.ColorEigen(), s.ColorStd()
	for k := range 3 {
		for i := range 3 {
			a.colors[k][i] = float64(eigen[k][i]) * float64(std[k])
		}
	}
	return a
}

// centre is the place of a centred crop.
func (a *augmenter) centre() augmentation {
	return augmentation{top: floorHalf(a.height - a.Crop), left: floorHalf(a.width - a.Crop)}
}

// floorHalf is n/2 rounded down, also for a negative n.
func floorHalf(n int) int { return n >> 1 }

// at is the draw of an image in an epoch: a function of (seed, epoch, image) alone. Stream 0 of rng.Augment has the
// place and the mirror, words 4i to 4i+2 of the epoch's step; stream 1 the colour, normal numbers 4i to 4i+2:
//
//	top    = Intn(4i, Height - Crop + 2*Pad + 1) - Pad
//	left   = Intn(4i+1, Width - Crop + 2*Pad + 1) - Pad
//	mirror = the highest bit of word 4i+2
//	a[k]   = ColorNoise * Normal(4i+k) of stream 1
//
// The colour shift is the sum over k of a[k] * std[k] * eigenvector[k], a[k] ~ N(0, ColorNoise).
// Source: Krizhevsky et al. 2012, section 4.1, with the standard deviations of the authors' source.
func (a *augmenter) at(epoch uint32, image int32) augmentation {
	d := a.centre()
	first := 4 * uint64(image)
	if a.RandomCrop || a.Mirror {
		s := rng.New(a.seed, rng.Augment, 0, epoch)
		if a.RandomCrop {
			d.top = s.Intn(first, a.height-a.Crop+2*a.Pad+1) - a.Pad
			d.left = s.Intn(first+1, a.width-a.Crop+2*a.Pad+1) - a.Pad
		}
		d.mirror = a.Mirror && s.Uint32(first+2)>>31 == 1
	}
	if a.ColorNoise > 0 {
		s := rng.New(a.seed, rng.Augment, 1, epoch)
		var shift [3]float64
		for k := range 3 {
			alpha := a.ColorNoise * s.Normal(first+uint64(k))
			for c := range 3 {
				shift[c] += alpha * a.colors[k][c]
			}
		}
		d.red, d.green, d.blue = float32(shift[0]), float32(shift[1]), float32(shift[2])
	}
	return d
}

// put writes the numbers of an image in an epoch as row i of a batch's draws.
func (a *augmenter) put(draws []float32, i int, epoch uint32, image int32) {
	if a.Warps() {
		a.warp(draws[i*WarpDrawWidth:(i+1)*WarpDrawWidth], epoch, image)
		return
	}
	a.at(epoch, image).put(draws, i)
}

// views are the crops of testing: the centre for one, else the four corners, the centre, and their mirror images.
// Source: Krizhevsky et al. 2012, section 4.1.
func (a *augmenter) views(n int) []augmentation {
	centre := a.centre()
	if n == 1 {
		return []augmentation{centre}
	}
	bottom, right := a.height-a.Crop, a.width-a.Crop
	views := []augmentation{{}, {left: right}, {top: bottom}, {top: bottom, left: right}, centre}
	for _, v := range views {
		v.mirror = true
		views = append(views, v)
	}
	return views
}
