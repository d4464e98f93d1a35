package source_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"duet/dataloader/source"
)

// A linear classifier fails on generated images: what a network learns on them, it learns by its convolutions. (A small
// two-tower network comes below 1 % error; that test is the training engine's.)
func TestGeneratedIsNotLinear(t *testing.T) {
	s := open(t, source.Options{Generated: source.Generated{Classes: 10, Train: 2000, Val: 500, Size: 16}}, "generated")
	_, data := s.contents(t)
	const pixels, classes, rate = 16 * 16 * 3, 10, 0.002
	var w [classes][pixels + 1]float64
	scores := func(image []byte) (p [classes]float64, best int) {
		sum := 0.
		for c := range p {
			z := w[c][pixels]
			for i, v := range image {
				z += w[c][i] * (float64(v)/127.5 - 1)
			}
			p[c] = math.Exp(z)
			sum += p[c]
			if p[c] > p[best] {
				best = c
			}
		}
		for c := range p {
			p[c] /= sum
		}
		return p, best
	}
	wrong, val := 0, 0
	for range 8 {
		wrong, val = 0, 0
		for i, it := range s.Items {
			p, best := scores(data[i])
			if it.Val {
				val++
				if best != int(it.Label) {
					wrong++
				}
				continue
			}
			p[it.Label]--
			for c := range p {
				for k, v := range data[i] {
					w[c][k] -= rate * p[c] * (float64(v)/127.5 - 1)
				}
				w[c][pixels] -= rate * p[c]
			}
		}
	}
	// 80 % seen; guessing is 90 %.
	if rate := float64(wrong) / float64(val); !(rate > 0.5) || val != 500 {
		t.Errorf("a linear classifier has %.2f error on %d images: they are too easy", rate, val)
	}
}

// Generated images are the same ones for ever, on any machine: each is told by the sum of its bytes, every k-th of
// seven k times. Another rounding of a few bytes does not count.
func TestGeneratedImages(t *testing.T) {
	for size, want := range map[int][]int{
		8: {
			70895, 54056, 36485, 63629, 62326, 75233, 89433, 73365, 116805, 78680,
			54502, 79682, 54539, 78764, 42297, 79489, 43636, 82833, 31104, 89388,
			63373, 79111, 70129, 91124, 74523, 54463, 104434, 57839, 61078, 71482,
		},
		24: {
			639881, 487151, 321902, 575849, 566307, 681824, 809769, 680918, 1067479, 712724,
			485588, 707513, 514529, 716769, 381025, 733117, 407953, 729245, 277455, 801925,
			578563, 729795, 641696, 876751, 679082, 495482, 958217, 519893, 548294, 644474,
		},
	} {
		s := open(t, source.Options{Generated: source.Generated{Classes: 10, Train: 20, Val: 10, Size: size}, Seed: 7},
			"generated")
		keys, data := s.contents(t)
		for i, image := range data {
			sum := 0
			for k, v := range image {
				sum += int(v) * (k % 7)
			}
			if d := sum - want[i]; d < -40 || d > 40 {
				t.Errorf("%s of %dx%d: %d, want %d", keys[i], size, size, sum, want[i])
			}
		}
	}
}

// What is generated is read as other sources are: in order, what is wanted alone, up to an error or the end of the
// context.
func TestGeneratedIsASource(t *testing.T) {
	s := open(t, source.Options{Generated: source.Generated{Classes: 3, Train: 5, Val: 4, Size: 8}}, "generated")
	check(t, s.Unchanged())
	var got []int
	check(t, s.Read(context.Background(), func(i int) bool { return i%2 == 1 }, func(i int, _ source.Fetch) error {
		got = append(got, i)
		return nil
	}))
	if !slices.Equal(got, []int{1, 3, 5, 7}) || !slices.Equal(labels(s.Listing, false), []int32{0, 1, 2, 0, 1}) ||
		!slices.Equal(labels(s.Listing, true), []int32{0, 1, 2, 0}) {
		t.Errorf("items %v of %v", got, s.Items)
	}
	stop := errors.New("stop")
	if err := s.Read(context.Background(), nil, func(i int, _ source.Fetch) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want that of emit", err)
	}
	found := 0
	_, err := s.List(context.Background(), func(n int) { found = n })
	check(t, err)
	if found != 9 {
		t.Errorf("%d found, want 9", found)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.List(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: List gives %v", err)
	}
	if err := s.Read(ctx, nil, func(int, source.Fetch) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: Read gives %v", err)
	}
}

// What may be generated is bounded, and the bounds themselves may be.
func TestGeneratedBounds(t *testing.T) {
	for _, c := range []struct {
		g    source.Generated
		want string // "": it is taken
	}{
		{source.Generated{Classes: 2, Train: 2, Val: 0, Size: 8}, ""},
		{source.Generated{Classes: 10, Train: 1 << 24, Val: 1 << 24, Size: 512}, ""},
		{source.Generated{Classes: 1, Train: 2, Val: 0, Size: 8}, "generated.classes: 1, want 2 to 10"},
		{source.Generated{Classes: 11, Train: 20, Val: 0, Size: 8}, "generated.classes: 11, want 2 to 10"},
		{source.Generated{Classes: 3, Train: 2, Val: 0, Size: 8}, "generated.train: 2, want 3 to 16777216"},
		{source.Generated{Classes: 3, Train: 1<<24 + 1, Val: 0, Size: 8}, "generated.train"},
		{source.Generated{Classes: 3, Train: 3, Val: -1, Size: 8}, "generated.val: -1, want 0 to 16777216"},
		{source.Generated{Classes: 3, Train: 3, Val: 1<<24 + 1, Size: 8}, "generated.val"},
		{source.Generated{Classes: 3, Train: 3, Val: 0, Size: 7}, "generated.size: 7, want 8 to 512"},
		{source.Generated{Classes: 3, Train: 3, Val: 0, Size: 513}, "generated.size: 513"},
	} {
		err := c.g.Validate()
		if c.want == "" {
			check(t, err)
			continue
		}
		lacks(t, err, c.want)
		_, err = source.Open([]string{"generated"}, source.Options{Generated: c.g})
		lacks(t, err, c.want)
	}
	for size, side := range map[int]int{256: 256, 257: 0} { // larger ones are made smaller
		s := open(t, source.Options{Generated: source.Generated{Classes: 2, Train: 2, Size: size}}, "generated")
		if s.Side != side {
			t.Errorf("images of %d: side %d, want %d", size, s.Side, side)
		}
	}
}
