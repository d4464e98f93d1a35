package source_test

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// cifarBatch has n records with labels first, first+1, ... modulo 10; record k is red k, green 100+k, blue 200, but for
// its last pixel, which is (1,2,3). coarse: CIFAR-100's, whose first label is 9.
func cifarBatch(n, first int, coarse bool) []byte {
	var b []byte
	for k := range n {
		if coarse {
			b = append(b, 9)
		}
		b = append(b, byte((first+k)%10))
		for c, v := range []byte{byte(k), byte(100 + k), 200} {
			for range 1023 {
				b = append(b, v)
			}
			b = append(b, byte(c+1))
		}
	}
	return b
}

const cifarNames = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"

func cifar10() mini.Files {
	return mini.Files{
		"cifar-10-batches-bin/data_batch_1.bin":  cifarBatch(10, 0, false),
		"cifar-10-batches-bin/data_batch_2.bin":  cifarBatch(5, 3, false),
		"cifar-10-batches-bin/test_batch.bin":    cifarBatch(4, 6, false),
		"cifar-10-batches-bin/batches.meta.txt":  []byte(cifarNames),
		"cifar-10-batches-bin/readme.html":       []byte("<html>"),
		"cifar-10-batches-bin/unrelated/x/y.txt": nil,
	}
}

func cifar100() mini.Files {
	return mini.Files{
		"cifar-100-binary/train.bin":              append(cifarBatch(10, 0, true), cifarBatch(5, 3, true)...),
		"cifar-100-binary/test.bin":               cifarBatch(4, 6, true),
		"cifar-100-binary/fine_label_names.txt":   []byte(cifarNames),
		"cifar-100-binary/coarse_label_names.txt": []byte("a\nb\n"),
	}
}

func TestCIFAR(t *testing.T) {
	for kind, f := range map[string]mini.Files{"CIFAR-10 binary": cifar10(), "CIFAR-100 binary": cifar100()} {
		inner := "cifar-10-batches-bin"
		if kind == "CIFAR-100 binary" {
			inner = "cifar-100-binary"
		}
		for name, path := range map[string]string{
			"folder": f.Folder(t), "inner": filepath.Join(f.Folder(t), inner), "tar": f.Tar(t, "c.tar"),
			"tar.gz": f.Tar(t, "cifar-binary.tar.gz"), "zip": f.Zip(t, "c.zip", zip.Deflate),
			"a tar.gz in a folder": mini.Files{"c.tar.gz": mini.Gzipped(f.Tarred(t))}.Folder(t),
		} {
			s := open(t, source.Options{}, path)
			if s.Kind != kind || s.Side != 32 || s.Classes[6].ID != "frog" {
				t.Fatalf("%s: %s, side %d, classes %v", name, s.Kind, s.Side, s.Classes)
			}
			keys, data := s.contents(t)
			train, val := labels(s.Listing, false), labels(s.Listing, true)
			slices.Sort(train) // a stream has its own order
			if want := []int32{0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9}; !slices.Equal(train, want) {
				t.Errorf("%s: labels %v, want %v", name, train, want)
			}
			if want := []int32{6, 7, 8, 9}; !slices.Equal(val, want) {
				t.Errorf("%s: validation labels %v, want %v", name, val, want)
			}
			for i, key := range keys {
				k := int(data[i][0]) // in its batch
				label := s.Items[i].Label
				if d := data[i]; len(d) != 3072 || !slices.Equal(d[:3], []byte{byte(k), byte(100 + k), 200}) ||
					!slices.Equal(d[3069:], []byte{1, 2, 3}) ||
					!slices.Contains([]int{k, k + 3, k + 6}, int(label)) {
					t.Errorf("%s: %s has pixels %v ... %v", name, key, d[:3], d[3069:])
				}
			}
		}
	}
}

// idxFile is an IDX array of bytes.
func idxFile(data []byte, dims ...int) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, data...)
}

// zippedMNIST is mnist with other pixels of its training images, packed.
func zippedMNIST(pixels []byte) mini.Files {
	f := mnist()
	delete(f, "train-images-idx3-ubyte")
	f["train-images-idx3-ubyte.gz"] = mini.Gzipped(idxFile(pixels, 2, 2, 2))
	return f
}

// mnist are two training images of class 7 and 3, and one test image of class 7, 2x2 pixels each.
func mnist() mini.Files {
	return mini.Files{
		"train-images-idx3-ubyte": idxFile([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2),
		"train-labels-idx1-ubyte": idxFile([]byte{7, 3}, 2),
		"t10k-images-idx3-ubyte":  idxFile([]byte{9, 10, 11, 12}, 1, 2, 2),
		"t10k-labels-idx1-ubyte":  idxFile([]byte{7}, 1),
	}
}

func TestIDX(t *testing.T) {
	gz, dotted := mini.Files{}, mini.Files{}
	for name, data := range mnist() {
		gz[name+".gz"] = mini.Gzipped(data)
		dotted[strings.Replace(name, "-idx", ".idx", 1)] = data
	}
	alone := gz.Folder(t)
	var each []string
	for name := range gz {
		each = append(each, filepath.Join(alone, name))
	}
	for name, paths := range map[string][]string{
		"plain": {mnist().Folder(t)}, "zipped": {gz.Folder(t)}, "dotted": {dotted.Folder(t)}, "each alone": each,
		"in a tar.gz":     {mnist().Below("MNIST/raw").Tar(t, "mnist.tar.gz")},
		"zipped in a zip": {gz.Zip(t, "m.zip", zip.Store)},
	} {
		s := open(t, source.Options{}, paths...)
		if s.Kind != "IDX" || s.Side != 2 || !slices.Equal(classIDs(s.Listing), []string{"3", "7"}) {
			t.Fatalf("%s: %s, side %d, classes %v", name, s.Kind, s.Side, s.Classes)
		}
		_, data := s.contents(t)
		want := map[bool][]int32{false: {1, 0}, true: {1}}
		for _, val := range []bool{false, true} {
			if got := labels(s.Listing, val); !slices.Equal(got, want[val]) {
				t.Errorf("%s: labels %v, want %v", name, got, want[val])
			}
		}
		for i, it := range s.Items {
			if strings.Contains(it.Name, "train-") && strings.HasSuffix(it.Name, "#1") &&
				!slices.Equal(data[i], []byte{5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8}) {
				t.Errorf("%s: image %v", name, data[i])
			}
		}
	}
}

func TestWantOfRaw(t *testing.T) {
	for name, path := range map[string]string{"folder": cifar10().Folder(t), "tar.gz": cifar10().Tar(t, "c.tar.gz")} {
		s := open(t, source.Options{}, path)
		var got []int
		check(t, s.Read(context.Background(), func(i int) bool { return i%7 == 3 }, func(i int, _ source.Fetch) error {
			got = append(got, i)
			return nil
		}))
		if !slices.Equal(got, []int{3, 10, 17}) {
			t.Errorf("%s: items %v", name, got)
		}
	}
}

func TestDamagedRawSources(t *testing.T) {
	change := func(f mini.Files, name string, data []byte) mini.Files {
		f[name] = data
		if data == nil {
			delete(f, name)
		}
		return f
	}
	const batch, train = "cifar-10-batches-bin/data_batch_1.bin", "cifar-100-binary/train.bin"
	wrong := cifarBatch(10, 0, false)
	wrong[3073*4] = 10
	for name, c := range map[string]struct {
		f    mini.Files
		want []string
	}{
		"cut batch": {change(cifar10(), batch, cifarBatch(10, 0, false)[:30000]),
			[]string{"data_batch_1.bin", "30000 bytes", "3073"}},
		"empty batch": {change(cifar10(), batch, []byte{}), []string{"data_batch_1.bin", "0 bytes"}},
		"label of a batch": {change(cifar10(), batch, wrong),
			[]string{"data_batch_1.bin", "record 4 has label 10", "one of the 10 classes"}},
		"a class missing": {change(cifar10(), batch, cifarBatch(2, 3, false)),
			[]string{"class airplane has no training image"}},
		"only test": {mini.Files{"test_batch.bin": cifarBatch(1, 0, false)}, []string{"no data_batch_1.bin"}},
		"a batch twice": {change(cifar10(), "copy/data_batch_1.bin", cifarBatch(1, 0, false)),
			[]string{"the same array as", "keep one"}},
		"both": {mini.Join(cifar10(), cifar100()),
			[]string{"CIFAR-10 binary files and CIFAR-100 binary files together"}},
		"cut CIFAR-100": {change(cifar100(), train, cifarBatch(10, 0, true)[:30000]),
			[]string{"train.bin", "30000 bytes", "3074"}},
		"fine label": {change(cifar100(), "cifar-100-binary/fine_label_names.txt", []byte("a b c")),
			[]string{"record 3 has label 3", "one of the 3 classes, a to c"}},
		"no labels": {change(mnist(), "train-labels-idx1-ubyte", nil),
			[]string{"IDX files: 2 of images, but 1 of labels: want one for each"}},
		"no train": {mini.Files{"t10k-images-idx3-ubyte": idxFile(make([]byte, 4), 1, 2, 2)},
			[]string{"train-images-idx3-ubyte"}},
		"counts": {change(mnist(), "train-labels-idx1-ubyte", idxFile([]byte{1, 2, 3}, 3)),
			[]string{"2 images", "3 labels"}},
		"labels cut": {change(mnist(), "train-labels-idx1-ubyte", idxFile([]byte{1}, 2)),
			[]string{"train-labels", "2 items, which is a file of 10 bytes: it has 9"}},
		"labels too long": {change(mnist(), "train-labels-idx1-ubyte", idxFile([]byte{1, 2, 3}, 2)),
			[]string{"train-labels", "which is a file of 10 bytes: it has 11"}},
		"images cut": {change(mnist(), "train-images-idx3-ubyte", idxFile(make([]byte, 7), 2, 2, 2)),
			[]string{"train-images", "2 items, which is a file of 24 bytes: it has 23"}},
		"images too long": {change(mnist(), "train-images-idx3-ubyte", idxFile(make([]byte, 9), 2, 2, 2)),
			[]string{"train-images", "a file of 24 bytes: it has 25"}},
		"zipped images cut": {zippedMNIST(make([]byte, 7)), []string{"train-images", "image 1 of 2: unexpected EOF"}},
		"zipped and longer": {zippedMNIST(make([]byte, 9)), []string{"train-images", "more bytes"}},
		"a bomb of images": {mini.Files{"train-images-idx3-ubyte.gz": mini.Gzipped(idxFile(nil, 1<<24, 4096, 4096))},
			[]string{"train-images", "16777216 items", "may unpack to 4096 MiB"}},
		"images of floats": {change(mnist(), "train-images-idx3-ubyte", []byte{0, 0, 13, 3, 0, 0, 0, 0}),
			[]string{"00000d03", "00000803"}},
		"images too large": {change(mnist(), "train-images-idx3-ubyte", idxFile(nil, 2, 1<<30, 2)),
			[]string{"size 2 of 3 is 1073741824"}},
		"header cut": {change(mnist(), "train-images-idx3-ubyte", []byte{0, 0, 8, 3, 0, 0}),
			[]string{"IDX header ends after 6 bytes of 16"}},
		"a new test label": {change(mnist(), "t10k-labels-idx1-ubyte", idxFile([]byte{5}, 1)),
			[]string{"t10k-images", "record 0 has label 5", "3 to 7"}},
		"twice": {change(mnist(), "copy/train-images-idx3-ubyte", idxFile(make([]byte, 4), 1, 2, 2)),
			[]string{"the same array as", "keep one"}},
		"labels twice": {change(mnist(), "copy/train-labels-idx1-ubyte", idxFile([]byte{7, 3}, 2)),
			[]string{"the same array as", "keep one"}},
		"labels of floats": {change(mnist(), "train-labels-idx1-ubyte", []byte{0, 0, 13, 1, 0, 0, 0, 2, 7, 3}),
			[]string{"00000d01", "00000801, 1 dim"}},
		"images of labels": {change(mnist(), "train-images-idx3-ubyte", idxFile([]byte{7, 3}, 2)),
			[]string{"00000801", "00000803, 3 dim"}},
		"not at its start": {change(mnist(), "train-labels-idx1-ubyte", []byte{1, 0, 8, 1, 0, 0, 0, 2, 7, 3}),
			[]string{"01000801"}},
		"nor its second": {change(mnist(), "train-labels-idx1-ubyte", []byte{0, 1, 8, 1, 0, 0, 0, 2, 7, 3}),
			[]string{"00010801"}},
		"three bytes": {change(mnist(), "train-images-idx3-ubyte", []byte{0, 0, 8}),
			[]string{"IDX header 000008: want 00000803"}},
		"labels of none": {change(mnist(), "train-labels-idx1-ubyte", idxFile(nil, 0)),
			[]string{"size 1 of 1 is 0: want 1 to 16777216"}},
		"too many images": {change(mnist(), "train-images-idx3-ubyte", idxFile(nil, 1<<24+1, 1, 1)),
			[]string{"size 1 of 3 is 16777217"}},
		"as many as may be": {change(mnist(), "train-images-idx3-ubyte", idxFile(nil, 1<<24, 1, 1)),
			[]string{"claims 16777216 items"}},
		"too high": {change(mnist(), "train-images-idx3-ubyte", idxFile(nil, 2, 4097, 1)),
			[]string{"size 2 of 3 is 4097: want 1 to 4096"}},
		"too wide": {change(mnist(), "train-images-idx3-ubyte", idxFile(nil, 2, 1, 4097)),
			[]string{"size 3 of 3 is 4097: want 1 to 4096"}},
		"as large as may be": {change(mnist(), "train-images-idx3-ubyte", idxFile(nil, 2, 4096, 4096)),
			[]string{"2 items, which is a file of 33554448 bytes: it has 16"}},
		"labels not zipped": {mini.Files{"train-labels-idx1-ubyte.gz": []byte("plain")},
			[]string{"train-labels-idx1-ubyte.gz", "gzip"}},
		"labels zipped, cut": {change(change(mnist(), "train-labels-idx1-ubyte", nil), "train-labels-idx1-ubyte.gz",
			mini.Gzipped(idxFile([]byte{7, 3}, 2))[:15]), []string{"train-labels-idx1-ubyte.gz"}},
		"images of t10k alone": {change(mnist(), "t10k-labels-idx1-ubyte", nil),
			[]string{"IDX files: 2 of images, but 1 of labels"}},
		"CIFAR-100, no train": {mini.Files{"test.bin": cifarBatch(4, 6, true), "fine_label_names.txt": []byte(cifarNames)},
			[]string{"CIFAR-100 binary files, but no train.bin to train on"}},
		"CIFAR-100, cut, unnamed": {mini.Files{"train.bin": cifarBatch(1, 0, true)[:3000]},
			[]string{"no images that are recognised"}},
		"not zipped inside": {mini.Files{"train-images-idx3-ubyte.gz": []byte("plain")},
			[]string{"train-images-idx3-ubyte.gz", "gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			lacks(t, failure(source.Options{}, c.f.Folder(t)), c.want...)
			lacks(t, failure(source.Options{}, c.f.Tar(t, "x.tar.gz")), c.want...)
		})
	}
}

// The word "generated" is opened by who draws, and stands alone.
func TestGeneratedHook(t *testing.T) {
	o := source.Options{Generated: func() (source.Source, error) { return nil, errors.New("drawn") }}
	lacks(t, failure(o, "generated"), "drawn")
	lacks(t, failure(o, "generated", "x"), "alone")
	lacks(t, failure(source.Options{}, "generated"), "not drawn here")
}

func TestPackedHook(t *testing.T) {
	dir := mini.Join(mini.Animals(1), mini.Files{source.PackedFile: []byte("{}")}).Folder(t)
	lacks(t, failure(source.Options{}, dir), dir, "packed set")
	called := ""
	hook := func(d string) (source.Source, error) {
		called = d
		return nil, fmt.Errorf("seen")
	}
	for _, format := range []string{"", "packed"} {
		called = ""
		lacks(t, failure(source.Options{Format: format, Packed: hook}, dir), "seen")
		if called != dir {
			t.Errorf("format %q: the hook was called with %q, want %q", format, called, dir)
		}
	}
	s := open(t, source.Options{Format: "folders", Packed: hook}, dir)
	if len(s.Items) != 2 {
		t.Errorf("%d items, want 2", len(s.Items))
	}
}

// CIFAR-100 without the names of its classes has numbers for them; images of several shapes have no side in common.
func TestRawWithoutNames(t *testing.T) {
	batch := cifarBatch(100, 0, true)
	for k := range 100 {
		batch[3074*k+1] = byte(k)
	}
	s := open(t, source.Options{}, mini.Files{"train.bin": batch}.Folder(t))
	if len(s.Classes) != 100 || s.Classes[42].ID != "42" || s.Kind != "CIFAR-100 binary" || len(s.Items) != 100 ||
		s.Items[42].Label != 42 {
		t.Errorf("%s: %d images of classes %v", s.Kind, len(s.Items), s.Classes)
	}
	lacks(t, failure(source.Options{Format: "cifar"}, mini.Files{"train.bin": batch[:3000]}.Folder(t)),
		"train.bin: 3000 bytes")
	for name, c := range map[string]struct {
		train, val []byte
		side       int
	}{
		"alike":           {idxFile(make([]byte, 2*16), 2, 4, 4), idxFile(make([]byte, 16), 1, 4, 4), 4},
		"another side":    {idxFile(make([]byte, 2*16), 2, 4, 4), idxFile(make([]byte, 25), 1, 5, 5), 0},
		"not square":      {idxFile(make([]byte, 2*12), 2, 4, 3), idxFile(make([]byte, 12), 1, 4, 3), 0},
		"as large as may": {idxFile(make([]byte, 2<<16), 2, 256, 256), idxFile(make([]byte, 1<<16), 1, 256, 256), 256},
		"larger":          {idxFile(make([]byte, 2*257*257), 2, 257, 257), idxFile(make([]byte, 257*257), 1, 257, 257), 0},
	} {
		f := mnist()
		f["train-images-idx3-ubyte"], f["t10k-images-idx3-ubyte"] = c.train, c.val
		if s := open(t, source.Options{}, f.Folder(t)); s.Side != c.side {
			t.Errorf("%s: side %d, want %d", name, s.Side, c.side)
		}
	}
}

// Arrays that have changed since they were listed are told apart from what was listed, and an error of emit ends a
// reading.
func TestRawChanges(t *testing.T) {
	stop := errors.New("stop")
	for name, f := range map[string]mini.Files{"CIFAR": cifar10(), "IDX": mnist()} {
		for form, path := range map[string]string{"folder": f.Folder(t), "tar.gz": f.Tar(t, "a.tar.gz")} {
			s := open(t, source.Options{}, path)
			everyTime(t, name+" in a "+form+": emit fails", len(s.Items), func(n int) error {
				return s.Read(t.Context(), nil, func(int, source.Fetch) error {
					if n--; n < 0 {
						return stop
					}
					return nil
				})
			}, func(err error) bool { return errors.Is(err, stop) })
			everyTime(t, name+" in a "+form+": canceled", len(s.Items), func(n int) error {
				return s.Read(&asked{t.Context(), n}, nil, func(int, source.Fetch) error { return nil })
			}, func(err error) bool { return errors.Is(err, context.Canceled) })
		}
	}
	const images = "train-images-idx3-ubyte"
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"more images": {idxFile(make([]byte, 12), 3, 2, 2),
			"has changed since it was listed: begins with 0000080300000003"},
		"higher":       {idxFile(make([]byte, 12), 2, 3, 2), "begins with 000008030000000200000003"},
		"wider":        {idxFile(make([]byte, 12), 2, 2, 3), "begins with 00000803000000020000000200000003 instead of"},
		"no header":    {[]byte{0, 0, 8}, images + ": has changed since it was listed"},
		"a header cut": {idxFile(nil, 2, 2), images},
	} {
		dir := mnist().Folder(t)
		s := open(t, source.Options{}, dir)
		check(t, os.WriteFile(filepath.Join(dir, images), c.data, 0o666))
		t.Run(name, func(t *testing.T) { lacks(t, s.Read(t.Context(), nil, emitNothing), c.want) })
		check(t, os.Remove(filepath.Join(dir, images)))
		lacks(t, s.Read(t.Context(), nil, emitNothing), "no such file")
	}
	dir := cifar10().Folder(t)
	s := open(t, source.Options{}, dir)
	check(t, os.Truncate(filepath.Join(dir, "cifar-10-batches-bin", "data_batch_2.bin"), 3073*2+5))
	lacks(t, s.Read(t.Context(), nil, emitNothing), "data_batch_2.bin: image 2 of 5: unexpected EOF")
	f := cifar10()
	path := f.Tar(t, "c.tar.gz")
	s = open(t, source.Options{}, path)
	delete(f, "cifar-10-batches-bin/readme.html")
	check(t, os.WriteFile(path, mini.Gzipped(f.Tarred(t)), 0o666))
	lacks(t, s.Read(t.Context(), nil, emitNothing), path, "has changed since it was listed", "is not there")
	check(t, os.Remove(path))
	lacks(t, s.Read(t.Context(), nil, emitNothing), path, "no such file")
}

func emitNothing(int, source.Fetch) error { return nil }
