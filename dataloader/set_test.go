package dataloader_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader"
)

// small is a generated set of 40 and 12 images of 12x12.
func small(t testing.TB) string {
	dir, _ := prepare(t, "generated", dataloader.PrepareOptions{
		Generated: dataloader.Generated{Classes: 4, Train: 40, Val: 12, Size: 12}, Seed: 3})
	return dir
}

// The statistics agree with a plain computation over all pixels.
func TestStatistics(t *testing.T) {
	s := open(t, small(t), "train")
	pixels := s.Height() * s.Width()
	image, channel := make([]float64, 3*pixels), [3]float64{}
	for i := range s.Len() {
		for p, v := range s.Image(i) {
			image[p%3*pixels+p/3] += float64(v) / float64(s.Len())
			channel[p%3] += float64(v) / float64(s.Len()*pixels)
		}
	}
	const tol = 1e-3 // float32 at 255
	for i, want := range image {
		if got := float64(s.MeanImage()[i]); !(math.Abs(got-want) <= tol) {
			t.Fatalf("mean image at %d = %v, want %v", i, got, want)
		}
	}
	for c, want := range channel {
		if got := float64(s.ChannelMean()[c]); !(math.Abs(got-want) <= tol) {
			t.Errorf("channel mean %d = %v, want %v", c, got, want)
		}
	}
	covariance := colorCovariance(s, channel)
	eigen, std := s.ColorEigen(), s.ColorStd()
	for i := range 3 {
		for j := range 3 {
			rebuilt, dot := 0., 0.
			for k := range 3 {
				rebuilt += float64(eigen[k][i]) * float64(eigen[k][j]) * float64(std[k]) * float64(std[k])
				dot += float64(eigen[i][k]) * float64(eigen[j][k])
			}
			if want := covariance[i][j]; !(math.Abs(rebuilt-want) <= 1e-5*covariance[0][0]) {
				t.Errorf("covariance %d,%d from the PCA = %v, want %v", i, j, rebuilt, want)
			}
			if want := map[bool]float64{true: 1}[i == j]; !(math.Abs(dot-want) <= 1e-5) {
				t.Errorf("eigenvectors %d and %d: product %v, want %v", i, j, dot, want)
			}
		}
	}
	if !(std[0] >= std[1] && std[1] >= std[2] && std[2] >= 0) {
		t.Errorf("standard deviations %v: want the largest first", std)
	}
}

// colorCovariance is the covariance of R, G and B over all pixels of a set.
func colorCovariance(s *dataloader.Set, mean [3]float64) (covariance [3][3]float64) {
	count := float64(s.Len() * s.Height() * s.Width())
	for n := range s.Len() {
		image := s.Image(n)
		for p := 0; p < len(image); p += 3 {
			for i := range 3 {
				for j := range 3 {
					covariance[i][j] += (float64(image[p+i]) - mean[i]) * (float64(image[p+j]) - mean[j]) / count
				}
			}
		}
	}
	return covariance
}

// A set of one grey has no spread at all: nothing becomes NaN.
func TestStatisticsWithoutSpread(t *testing.T) {
	f := files{"a/x.png": plainPNG(4, 4, grey(50)), "b/x.png": plainPNG(4, 4, grey(50))}
	dir, _ := prepare(t, f.folder(t), dataloader.PrepareOptions{})
	s := open(t, dir, "train")
	if s.ColorStd() != [3]float32{} || s.ChannelMean() != [3]float32{50, 50, 50} {
		t.Errorf("std %v, mean %v", s.ColorStd(), s.ChannelMean())
	}
}

func TestGeneratedIsDeterministic(t *testing.T) {
	a, b := open(t, small(t), "train"), open(t, small(t), "train")
	if a.Identity() != b.Identity() {
		t.Errorf("the same seed gives %s and %s", a.Identity(), b.Identity())
	}
	dir, _ := prepare(t, "generated", dataloader.PrepareOptions{
		Generated: dataloader.Generated{Classes: 4, Train: 40, Val: 12, Size: 12}, Seed: 4})
	if c := open(t, dir, "train"); c.Identity() == a.Identity() {
		t.Error("two seeds give the same images")
	}
	if v := open(t, dir, "val"); slices.Equal(v.Image(0), open(t, dir, "train").Image(0)) {
		t.Error("training and validation images are the same")
	}
}

// Every file of a set that is damaged in any of these ways is refused, and the error names it.
func TestDamagedSets(t *testing.T) {
	whole := small(t)
	edit := func(name string, f func(data []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, name), f(data), 0o666))
		}
	}
	replace := func(name, from, to string) func(*testing.T, string) {
		return edit(name, func(data []byte) []byte {
			if !strings.Contains(string(data), from) {
				panic(name + " lacks " + from)
			}
			return []byte(strings.Replace(string(data), from, to, 1))
		})
	}
	label := func(v int32) func(*testing.T, string) {
		return edit("train/labels.npy", func(data []byte) []byte {
			binary.LittleEndian.PutUint32(data[128+4*7:], uint32(v))
			return data
		})
	}
	cut := func(data []byte) []byte { return data[:len(data)-1] }
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   []string
	}{
		"no set.json":       {func(t *testing.T, dir string) { check(t, os.Remove(filepath.Join(dir, "set.json"))) }, []string{"not a packed set"}},
		"set.json cut":      {edit("set.json", func(d []byte) []byte { return d[:len(d)/2] }), []string{"set.json", "damaged"}},
		"newer version":     {replace("set.json", `"version": 1`, `"version": 2`), []string{"set.json", "version 2", "reads version 1"}},
		"another format":    {replace("set.json", "duet packed set", "other"), []string{"set.json", `"other"`}},
		"unknown key":       {replace("set.json", `"kind"`, `"sort"`), []string{"set.json", "sort"}},
		"count":             {replace("set.json", `"images": 40`, `"images": 41`), []string{"set.json", "41 images, 40 in"}},
		"no training split": {replace("set.json", `"train"`, `"test"`), []string{"set.json", "train"}},
		"size":              {replace("set.json", `"height": 12`, `"height": 13`), []string{"mean.npy", "[3 12 12]", "[3 13 12]"}},
		"mean of 256":       {replace("set.json", `"channel_mean": [`, `"channel_mean": [256,`), []string{"channel_mean"}},
		"classes":           {edit("classes.txt", func(d []byte) []byte { return append(d, "more\n"...) }), []string{"classes.txt", "5 lines", "4 classes"}},
		"label too large":   {label(4), []string{"labels.npy", "label 4 of image 7", "0 to 3"}},
		"label negative":    {label(-1), []string{"labels.npy", "label -1 of image 7"}},
		"labels cut":        {edit("train/labels.npy", cut), []string{"labels.npy", "160 bytes", "159 bytes"}},
		"images cut":        {edit("train/images.npy", cut), []string{"images.npy", "17280 bytes", "17279 bytes"}},
		"images missing":    {func(t *testing.T, dir string) { check(t, os.Remove(filepath.Join(dir, "train/images.npy"))) }, []string{"images.npy"}},
		"header lies":       {replace("train/images.npy", "(40, 12, 12, 3)", "(99, 12, 12, 3)"), []string{"images.npy", "[99 12 12 3]", "17280 bytes follow"}},
		"fortran order":     {replace("train/images.npy", "False", "True "), []string{"images.npy", "fortran_order"}},
		"another type":      {replace("train/labels.npy", "<i4", "<i8"), []string{"labels.npy", "<i8"}},
		"mean not a number": {edit("mean.npy", func(d []byte) []byte { copy(d[128:], "\x00\x00\xc0\x7f"); return d }), []string{"mean.npy", "NaN"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "set")
			check(t, os.CopyFS(dir, os.DirFS(whole)))
			c.damage(t, dir)
			s, err := dataloader.Open(dir, "train")
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestVerifyFindsAFlippedBit(t *testing.T) {
	dir := small(t)
	path := filepath.Join(dir, "val", "images.npy")
	data, err := os.ReadFile(path)
	check(t, err)
	data[200] ^= 4
	check(t, os.WriteFile(path, data, 0o666))
	if err := open(t, dir, "val").Verify(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
}

func TestOpenWithoutValidation(t *testing.T) {
	dir, _ := prepare(t, animals(2).folder(t), dataloader.PrepareOptions{})
	if _, err := dataloader.Open(dir, "val"); !errors.Is(err, dataloader.ErrNoSplit) {
		t.Errorf("error %v, want ErrNoSplit", err)
	}
	for split, want := range map[string]string{"val": "split val of " + dir, "test": `want "train" or "val"`} {
		if _, err := dataloader.Open(dir, split); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", split, err, want)
		}
	}
}

func TestMaterialize(t *testing.T) {
	t.Chdir(t.TempDir())
	c := dataloader.Default()
	c.Path, c.Generated = "generated", dataloader.Generated{Classes: 2, Train: 4, Val: 2, Size: 8}
	calls := 0
	count := func(done, total int) { calls++ }
	dir, err := dataloader.Materialize(context.Background(), c, count)
	check(t, err)
	if !strings.HasPrefix(filepath.ToSlash(dir), "data/generated-") || calls != 6 {
		t.Errorf("made %s with %d calls", dir, calls)
	}
	again, err := dataloader.Materialize(context.Background(), c, count)
	if err != nil || again != dir || calls != 6 {
		t.Errorf("the second time: %s, %d calls, error %v", again, calls, err)
	}
	c.Seed = 1
	if other, err := dataloader.Materialize(context.Background(), c, nil); err != nil || other == dir {
		t.Errorf("another seed: %s, error %v", other, err)
	}
	c.Cache = dir
	if _, err = dataloader.Materialize(context.Background(), c, nil); err == nil || !strings.Contains(err.Error(), "seed 1") {
		t.Errorf("a cache of another seed: error %v", err)
	}
	c.Path, c.Cache = dir, ""
	if packed, err := dataloader.Materialize(context.Background(), c, nil); err != nil || packed != dir {
		t.Errorf("a packed set: %s, error %v", packed, err)
	}
	c.Path = "nowhere"
	if _, err := dataloader.Materialize(context.Background(), c, nil); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a missing source: error %v", err)
	}
}

func TestSetInfoIsJSON(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(small(t), "set.json"))
	check(t, err)
	var info map[string]any
	check(t, json.Unmarshal(data, &info))
	for _, key := range []string{"format", "version", "request", "splits", "channel_mean", "color_eigen", "color_std", "crc32c"} {
		if _, ok := info[key]; !ok {
			t.Errorf("set.json lacks %s", key)
		}
	}
}
