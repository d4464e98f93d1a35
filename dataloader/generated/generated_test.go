package generated_test

import (
	"context"
	"errors"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/generated"
	"duet/dataloader/source"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type opened struct {
	source.Source
	*source.Listing
}

// open lists what is drawn.
func open(t *testing.T, o generated.Options, seed uint64) opened {
	t.Helper()
	s, err := generated.Open(o, seed)
	check(t, err)
	l, err := s.List(context.Background(), nil)
	check(t, err)
	return opened{s, l}
}

// contents are the RGB bytes of every image.
func contents(t *testing.T, s opened) (data [][]byte) {
	t.Helper()
	check(t, s.Read(context.Background(), nil, func(i int, fetch source.Fetch) error {
		c, err := fetch(nil)
		if i != len(data) || err != nil {
			t.Fatalf("item %d was emitted, want %d: error %v", i, len(data), err)
		}
		var b []byte
		for k, v := range c.Image.(*image.RGBA).Pix {
			if k%4 < 3 {
				b = append(b, v)
			}
		}
		data = append(data, b)
		return nil
	}))
	return data
}

// labels are those of the items of a split.
func labels(s opened, val bool) (all []int32) {
	for _, it := range s.Items {
		if it.Val == val {
			all = append(all, it.Label)
		}
	}
	return all
}

// A linear classifier fails on generated images: what a network learns on them, it learns by its convolutions. (A small
// two-tower network comes below 1 % error; that test is the training engine's.)
func TestGeneratedIsNotLinear(t *testing.T) {
	s := open(t, generated.Options{Classes: 10, Train: 2000, Val: 500, Size: 16}, 0)
	data := contents(t, s)
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
		s := open(t, generated.Options{Classes: 10, Train: 20, Val: 10, Size: size}, 7)
		data := contents(t, s)
		for i, image := range data {
			sum := 0
			for k, v := range image {
				sum += int(v) * (k % 7)
			}
			if d := sum - want[i]; d < -40 || d > 40 {
				t.Errorf("%s of %dx%d: %d, want %d", s.Items[i].Name, size, size, sum, want[i])
			}
		}
	}
}

// What is generated is read as other sources are: in order, what is wanted alone, up to an error or the end of the
// context.
func TestGeneratedIsASource(t *testing.T) {
	s := open(t, generated.Options{Classes: 3, Train: 5, Val: 4, Size: 8}, 0)
	check(t, s.Unchanged())
	var got []int
	check(t, s.Read(context.Background(), func(i int) bool { return i%2 == 1 }, func(i int, _ source.Fetch) error {
		got = append(got, i)
		return nil
	}))
	if !slices.Equal(got, []int{1, 3, 5, 7}) || !slices.Equal(labels(s, false), []int32{0, 1, 2, 0, 1}) ||
		!slices.Equal(labels(s, true), []int32{0, 1, 2, 0}) {
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
		g    generated.Options
		want string // "": it is taken
	}{
		{generated.Options{Classes: 2, Train: 2, Val: 0, Size: 8}, ""},
		{generated.Options{Classes: 10, Train: 1 << 24, Val: 1 << 24, Size: 512}, ""},
		{generated.Options{Classes: 1, Train: 2, Val: 0, Size: 8}, "generated.classes: 1, want 2 to 10"},
		{generated.Options{Classes: 11, Train: 20, Val: 0, Size: 8}, "generated.classes: 11, want 2 to 10"},
		{generated.Options{Classes: 3, Train: 2, Val: 0, Size: 8}, "generated.train: 2, want 3 to 16777216"},
		{generated.Options{Classes: 3, Train: 1<<24 + 1, Val: 0, Size: 8}, "generated.train"},
		{generated.Options{Classes: 3, Train: 3, Val: -1, Size: 8}, "generated.val: -1, want 0 to 16777216"},
		{generated.Options{Classes: 3, Train: 3, Val: 1<<24 + 1, Size: 8}, "generated.val"},
		{generated.Options{Classes: 3, Train: 3, Val: 0, Size: 7}, "generated.size: 7, want 8 to 512"},
		{generated.Options{Classes: 3, Train: 3, Val: 0, Size: 513}, "generated.size: 513"},
	} {
		err := c.g.Validate()
		if c.want == "" {
			check(t, err)
			continue
		}
		_, opened := generated.Open(c.g, 0)
		for _, err := range []error{err, opened} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v lacks %q", err, c.want)
			}
		}
	}
	for size, side := range map[int]int{256: 256, 257: 0} { // larger ones are made smaller
		s := open(t, generated.Options{Classes: 2, Train: 2, Size: size}, 0)
		if s.Side != side {
			t.Errorf("images of %d: side %d, want %d", size, s.Side, side)
		}
	}
}

func TestGenerated(t *testing.T) {
	s := open(t, generated.Options{}, 0)
	if s.Kind != "generated" || len(s.Items) != 9000 || s.Side != 40 || len(s.Classes) != 10 {
		t.Fatalf("%s, %d items, side %d, classes %v", s.Kind, len(s.Items), s.Side, s.Classes)
	}
	counts := make([]int, 10)
	for _, l := range labels(s, false) {
		counts[l]++
	}
	if want := slices.Repeat([]int{800}, 10); !slices.Equal(counts, want) {
		t.Errorf("images of the classes %v, want %v", counts, want)
	}
	small := generated.Options{Classes: 4, Train: 6, Val: 2, Size: 16}
	a, b, other := open(t, small, 3), open(t, small, 3), open(t, small, 4)
	x := contents(t, a)
	y := contents(t, b)
	z := contents(t, other)
	if it := a.Items[6]; it.Name != "val#0" || !it.Val || a.Classes[it.Label].ID != "disc" {
		t.Errorf("item 6 is %+v", it)
	}
	for i := range x {
		if !slices.Equal(x[i], y[i]) || slices.Equal(x[i], z[i]) || len(x[i]) != 16*16*3 {
			t.Errorf("image %d: not drawn by its seed alone", i)
		}
	}
	if a.Fingerprint != b.Fingerprint || a.Fingerprint == other.Fingerprint {
		t.Errorf("fingerprints %s, %s and %s", a.Fingerprint, b.Fingerprint, other.Fingerprint)
	}
}
