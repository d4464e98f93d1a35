package dataloader

import (
	"math"

	"duet/internal/rng"
)

// WarpDrawWidth is the number of augmentation numbers of an image whose window is scaled or turned, or whose brightness
// or contrast is drawn.
const WarpDrawWidth = 11

// defaultCropRatio is that of torchvision's RandomResizedCrop.
var defaultCropRatio = []float64{3. / 4, 4. / 3}

// A window is what is seen of an image: the middle, the size and the turn of a rectangle of its pixels, and factors.
type window struct {
	line, column         float64 // of the middle, 0 in the middle of the first pixel
	tall, wide           float64 // in pixels; wide is negative where the image is mirrored
	turn                 float64 // in radians, counterclockwise
	brightness, contrast float64
}

// warp writes the numbers of an image in an epoch: a function of (seed, epoch, image) alone. Place, mirror and colour
// are drawn as at draws them, and stream 2 of rng.Augment has the rest, u[k] its word 8i+k as a number in [0, 1):
//
//	area       = CropArea[0] + u[0] * (CropArea[1] - CropArea[0]), of H*W
//	ratio      = CropRatio[0] * (CropRatio[1] / CropRatio[0])^u[1]
//	tall, wide = sqrt(area / ratio), sqrt(area * ratio), at most H and W
//	turn       = Rotate * (2*u[2] - 1)
//	brightness = 1 + Brightness * (2*u[3] - 1), contrast the same with u[4]
//
// Without CropArea the window has the crop's size and place. With it, its place is anywhere at RandomCrop, and not only
// at whole pixels: u*(H - tall + 2*Pad) - Pad with words 4i and 4i+1 of stream 0; else in the middle.
// Source: Szegedy et al. 2014, "Going deeper with convolutions", section 6, as torchvision's RandomResizedCrop has it,
// but for sides that would be longer than the image's: they are cut, not drawn again.
func (a *augmenter) warp(row []float32, epoch uint32, image int32) {
	d := a.at(epoch, image)
	random, side := rng.New(a.seed, rng.Augment, 2, epoch), float64(a.Crop)
	u := func(k uint64) float64 { return float64(random.Float32(8*uint64(image) + k)) }
	top, left := float64(d.top), float64(d.left)
	w := window{tall: side, wide: side, turn: a.Rotate * (2*u(2) - 1) * math.Pi / 180,
		brightness: 1 + a.Brightness*(2*u(3)-1), contrast: 1 + a.Contrast*(2*u(4)-1)}
	if len(a.CropArea) > 0 {
		height, width, ratios := float64(a.height), float64(a.width), a.CropRatio
		if len(ratios) == 0 {
			ratios = defaultCropRatio
		}
		area := (a.CropArea[0] + u(0)*(a.CropArea[1]-a.CropArea[0])) * height * width
		ratio := ratios[0] * math.Pow(ratios[1]/ratios[0], u(1))
		w.tall, w.wide = min(math.Sqrt(area/ratio), height), min(math.Sqrt(area*ratio), width)
		top, left = (height-w.tall)/2, (width-w.wide)/2
		if a.RandomCrop {
			place, pad := rng.New(a.seed, rng.Augment, 0, epoch), float64(a.Pad)
			top = float64(place.Float32(4*uint64(image)))*(height-w.tall+2*pad) - pad
			left = float64(place.Float32(4*uint64(image)+1))*(width-w.wide+2*pad) - pad
		}
	}
	w.line, w.column = top+(w.tall-1)/2, left+(w.wide-1)/2
	if d.mirror {
		w.wide = -w.wide
	}
	w.put(row, a.Crop)
	row[8], row[9], row[10] = d.red, d.green, d.blue
}

// put writes a window of crop x crop steps: the line of the first pixel and how far a step down and a step to the right
// lead, the same of the column, brightness and contrast.
func (w window) put(row []float32, crop int) {
	sin, cos := math.Sincos(w.turn)
	tall, wide, middle := w.tall/float64(crop), w.wide/float64(crop), float64(crop-1)/2
	hi, hj, wi, wj := cos*tall, sin*wide, -sin*tall, cos*wide
	for i, v := range []float64{w.line - (hi+hj)*middle, hi, hj, w.column - (wi+wj)*middle, wi, wj, w.brightness,
		w.contrast} {
		row[i] = float32(v)
	}
}
