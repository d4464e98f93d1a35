// Package mini writes small copies of ILSVRC2012's three archives, exact in structure and in their known quirks, for
// tests of whatever reads them.
package mini

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say what is in the archives. The zero value of each number stands for a small default.
type Options struct {
	Classes int // 3, at most 10
	Train   int // images of every class, 4
	Val     int // images in all, 6
	Seed    uint64
	// Quirks: as in the real set, one training JPEG is CMYK, one is a PNG named .JPEG, and one is grey.
	Quirks bool
	// Damaged adds a training image that is cut short and one that is no image; see Set.Damaged.
	Damaged bool
	// Images, if any, are taken in place of drawn ones, training images by their class, in their order; those without
	// a WNID of their own are an error, those without an ID have none in the ground truth. Classes and Train are then what
	// they have, and there are no Words.
	Images []Image
	// ValImages likewise, in the order of their numbers; their Names are replaced.
	ValImages []Image
}

// An Image is a file with its class.
type Image struct {
	Name string // such as n01440764_10026.JPEG
	WNID string
	ID   int // of the class in the ground truth
	Data []byte
}

// drawn are some of ILSVRC2012's classes, in the order of their WordNet IDs. Source: its development kit.
var drawn = []struct {
	id          int
	wnid, words string
}{
	{449, "n01440764", "tench, Tinca tinca"},
	{450, "n01443537", "goldfish, Carassius auratus"},
	{442, "n01484850", "great white shark, white shark, man-eater, man-eating shark, Carcharodon carcharias"},
	{443, "n01491361", "tiger shark, Galeocerdo cuvieri"},
	{444, "n01494475", "hammerhead, hammerhead shark"},
	{445, "n01496331", "electric ray, crampfish, numbfish, torpedo"},
	{446, "n01498041", "stingray"},
	{383, "n01514668", "cock"},
	{384, "n01514859", "hen"},
	{385, "n01518878", "ostrich, Struthio camelus"},
}

// A Set is what was written.
type Set struct {
	TrainTar, ValTar, Devkit string // paths of the archives
	WNIDs                    []string
	Words                    []string // by class, as WordNet has them
	Train, Val               []Image  // Train in the order of the archive, Val in the order of the numbers
	Damaged                  []string // the names of those of Train that cannot be decoded
}

// Paths are the three archives.
func (s *Set) Paths() []string { return []string{s.TrainTar, s.ValTar, s.Devkit} }

// ILSVRC writes the archives into the folder dir, which must exist.
func ILSVRC(dir string, o Options) (*Set, error) {
	s := &Set{
		TrainTar: filepath.Join(dir, "ILSVRC2012_img_train.tar"),
		ValTar:   filepath.Join(dir, "ILSVRC2012_img_val.tar"),
		Devkit:   filepath.Join(dir, "ILSVRC2012_devkit_t12.tar.gz"),
	}
	if err := s.images(o); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		path string
		data []byte
	}{{s.TrainTar, s.trainTar()}, {s.ValTar, tarOf(files(s.Val, ""))}, {s.Devkit, Gzipped(s.devkit())}} {
		if err := os.WriteFile(f.path, f.data, 0o666); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// images fills Train and Val.
func (s *Set) images(o Options) error {
	defaults := func(n *int, to int) {
		if *n == 0 {
			*n = to
		}
	}
	defaults(&o.Classes, 3)
	defaults(&o.Train, 4)
	defaults(&o.Val, 6)
	if len(o.Images) > 0 {
		for _, m := range o.Images {
			if m.WNID == "" {
				return fmt.Errorf("mini: image %s has no WordNet ID", m.Name)
			}
			s.WNIDs = append(s.WNIDs, m.WNID)
		}
		slices.Sort(s.WNIDs)
		s.WNIDs = slices.Compact(s.WNIDs)
		s.Train = slices.Clone(o.Images)
		slices.SortStableFunc(s.Train, func(a, b Image) int { return strings.Compare(a.WNID, b.WNID) })
	} else {
		if o.Classes > len(drawn) {
			return fmt.Errorf("mini: %d classes, want at most %d", o.Classes, len(drawn))
		}
		for c, class := range drawn[:o.Classes] {
			s.WNIDs, s.Words = append(s.WNIDs, class.wnid), append(s.Words, class.words)
			for k := range o.Train {
				name := fmt.Sprintf("%s_%d.JPEG", class.wnid, 26+k*37) // numbers have gaps, and are not padded
				s.Train = append(s.Train, Image{name, class.wnid, class.id, photo(o.Seed, uint32(c), uint32(k))})
			}
		}
		if o.Quirks && len(s.Train) >= 3 {
			last := len(s.Train) - 1
			s.Train[0].Data, s.Train[1].Data, s.Train[last].Data = CMYK(64, 48), pngPhoto(o.Seed), greyPhoto(o.Seed)
		}
	}
	if o.Damaged {
		cut := photo(o.Seed, 0, 1<<20)
		first := s.WNIDs[0]
		bad := []Image{{first + "_900001.JPEG", first, s.Train[0].ID, cut[:len(cut)/2]},
			{first + "_900002.JPEG", first, s.Train[0].ID, []byte("not an image\n")}}
		at := slices.IndexFunc(s.Train, func(m Image) bool { return m.WNID != first })
		if at < 0 {
			at = len(s.Train)
		}
		s.Train = slices.Insert(s.Train, at, bad...)
		s.Damaged = []string{bad[0].Name, bad[1].Name}
	}
	s.Val = slices.Clone(o.ValImages)
	if s.Val == nil {
		for k := range o.Val {
			wnid := s.WNIDs[(k*5+1)%len(s.WNIDs)]
			one := s.Train[slices.IndexFunc(s.Train, func(m Image) bool { return m.WNID == wnid })]
			s.Val = append(s.Val, Image{WNID: wnid, ID: one.ID, Data: photo(o.Seed, 1<<20, uint32(k))})
		}
	}
	for k := range s.Val {
		s.Val[k].Name = fmt.Sprintf("ILSVRC2012_val_%08d.JPEG", k+1)
	}
	return nil
}

type file struct {
	name string
	data []byte
}

func files(images []Image, wnid string) []file {
	var all []file
	for _, m := range images {
		if wnid == "" || m.WNID == wnid {
			all = append(all, file{m.Name, m.Data})
		}
	}
	return all
}

// trainTar is a tar of a tar for every class.
func (s *Set) trainTar() []byte {
	var inner []file
	for _, wnid := range s.WNIDs {
		inner = append(inner, file{wnid + ".tar", tarOf(files(s.Train, wnid))})
	}
	return tarOf(inner)
}

// devkit is the development kit's tar.
func (s *Set) devkit() []byte {
	var truth bytes.Buffer
	for _, m := range s.Val {
		fmt.Fprintln(&truth, m.ID)
	}
	const top = "ILSVRC2012_devkit_t12/"
	return tarOf([]file{
		{top, nil}, {top + "COPYING", []byte("none\n")}, {top + "readme.txt", []byte("a small copy\n")}, {top + "data/", nil},
		{top + "data/ILSVRC2012_validation_ground_truth.txt", truth.Bytes()},
		{top + "data/meta.mat", []byte("MATLAB 5.0 MAT-file")}, // which is not read
	})
}

func tarOf(all []file) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b) // a buffer takes everything: what follows cannot fail
	for _, f := range all {
		h := &tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatGNU}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		w.WriteHeader(h)
		w.Write(f.data)
	}
	w.Close()
	return b.Bytes()
}

// Gzipped is data as a .gz.
func Gzipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data) // a buffer takes everything
	z.Close()
	return b.Bytes()
}
