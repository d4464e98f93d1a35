package dataloader_test

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader"
)

// cifarBatch has n records with labels first, first+1, ... modulo 10; record k is red k, green 100+k, blue 200, but for
// its last pixel, which is (1,2,3).
func cifarBatch(n, first int) []byte {
	var b []byte
	for k := range n {
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

func cifarFiles() files {
	return files{
		"cifar-10-batches-bin/data_batch_1.bin":  cifarBatch(10, 0),
		"cifar-10-batches-bin/data_batch_2.bin":  cifarBatch(5, 3),
		"cifar-10-batches-bin/test_batch.bin":    cifarBatch(4, 6),
		"cifar-10-batches-bin/batches.meta.txt":  []byte("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"),
		"cifar-10-batches-bin/readme.html":       []byte("<html>"),
		"cifar-10-batches-bin/unrelated/x/y.txt": nil,
	}
}

func TestCIFAR(t *testing.T) {
	for name, source := range map[string]string{
		"folder": cifarFiles().folder(t),
		"inner":  filepath.Join(cifarFiles().folder(t), "cifar-10-batches-bin"),
		"tar.gz": cifarFiles().tar(t, "cifar-10-binary.tar.gz"),
	} {
		dir, summary := prepare(t, source, dataloader.PrepareOptions{})
		if summary.Kind != "CIFAR-10 binary" || summary.Train != 15 || summary.Val != 4 || summary.Size != 32 {
			t.Errorf("%s: %+v", name, summary)
		}
		s := open(t, dir, "train")
		if want := []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 4, 5, 6, 7}; !slices.Equal(s.Labels(), want) {
			t.Errorf("%s: labels %v, want %v", name, s.Labels(), want)
		}
		if s.Classes()[6] != "frog" {
			t.Errorf("%s: classes %v", name, s.Classes())
		}
		image := s.Image(12)
		if !slices.Equal(image[:3], []byte{2, 102, 200}) || !slices.Equal(image[3069:], []byte{1, 2, 3}) {
			t.Errorf("%s: pixels %v ... %v", name, image[:3], image[3069:])
		}
		if v := open(t, dir, "val"); !slices.Equal(v.Labels(), []int32{6, 7, 8, 9}) {
			t.Errorf("%s: validation labels %v", name, v.Labels())
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

// idxFiles are two training images of class 3 and 7, and one test image of class 7, 2x2 pixels each.
func idxFiles() files {
	return files{
		"train-images-idx3-ubyte": idxFile([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2),
		"train-labels-idx1-ubyte": idxFile([]byte{7, 3}, 2),
		"t10k-images-idx3-ubyte":  idxFile([]byte{9, 10, 11, 12}, 1, 2, 2),
		"t10k-labels-idx1-ubyte":  idxFile([]byte{7}, 1),
	}
}

func TestIDX(t *testing.T) {
	gz, dotted := files{}, files{}
	for name, data := range idxFiles() {
		gz[name+".gz"] = zipped(data)
		dotted[strings.Replace(name, "-idx", ".idx", 1)] = data
	}
	for name, source := range map[string]string{
		"plain": idxFiles().folder(t), "zipped": gz.folder(t), "dotted": dotted.folder(t),
		"in a tar.gz": idxFiles().below("MNIST/raw").tar(t, "mnist.tar.gz"),
	} {
		dir, summary := prepare(t, source, dataloader.PrepareOptions{ValFraction: 0.5}) // it has its own validation split
		if summary.Kind != "IDX" || summary.Train != 2 || summary.Val != 1 || summary.Size != 2 {
			t.Errorf("%s: %+v", name, summary)
		}
		s, v := open(t, dir, "train"), open(t, dir, "val")
		if !slices.Equal(s.Classes(), []string{"3", "7"}) || !slices.Equal(s.Labels(), []int32{1, 0}) || v.Labels()[0] != 1 {
			t.Errorf("%s: classes %v, labels %v and %v", name, s.Classes(), s.Labels(), v.Labels())
		}
		if want := []byte{5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8}; !slices.Equal(s.Image(1), want) {
			t.Errorf("%s: image %v, want %v", name, s.Image(1), want)
		}
	}
}

func TestDamagedRawSources(t *testing.T) {
	change := func(f files, name string, data []byte) files {
		f[name] = data
		if data == nil {
			delete(f, name)
		}
		return f
	}
	const batch = "cifar-10-batches-bin/data_batch_1.bin"
	wrongLabel := cifarBatch(10, 0)
	wrongLabel[3073*4] = 10
	for name, c := range map[string]struct {
		f    files
		want []string
	}{
		"cut batch":         {change(cifarFiles(), batch, cifarBatch(10, 0)[:30000]), []string{"data_batch_1.bin", "30000 bytes", "3073"}},
		"empty batch":       {change(cifarFiles(), batch, []byte{}), []string{"data_batch_1.bin", "0 bytes"}},
		"label of a batch":  {change(cifarFiles(), batch, wrongLabel), []string{"data_batch_1.bin", "record 4 has label 10", "0 to 9"}},
		"a class missing":   {change(cifarFiles(), batch, cifarBatch(2, 3)), []string{"class airplane has no training image"}},
		"only test":         {files{"test_batch.bin": cifarBatch(1, 0)}, []string{"no data_batch_1.bin"}},
		"no labels":         {change(idxFiles(), "train-labels-idx1-ubyte", nil), []string{"train", "both"}},
		"no train":          {files{"t10k-images-idx3-ubyte": idxFile(nil, 1, 2, 2)}, []string{"train-images-idx3-ubyte"}},
		"counts":            {change(idxFiles(), "train-labels-idx1-ubyte", idxFile([]byte{1, 2, 3}, 3)), []string{"2 images", "3 labels"}},
		"labels cut":        {change(idxFiles(), "train-labels-idx1-ubyte", idxFile([]byte{1}, 2)), []string{"train-labels", "claims 2 labels, but 1 follow"}},
		"labels too long":   {change(idxFiles(), "train-labels-idx1-ubyte", idxFile([]byte{1, 2, 3}, 2)), []string{"train-labels", "more follow"}},
		"images cut":        {change(idxFiles(), "train-images-idx3-ubyte", idxFile(make([]byte, 7), 2, 2, 2)), []string{"train-images", "within image 1"}},
		"images too long":   {change(idxFiles(), "train-images-idx3-ubyte", idxFile(make([]byte, 9), 2, 2, 2)), []string{"train-images", "more bytes"}},
		"images of floats":  {change(idxFiles(), "train-images-idx3-ubyte", []byte{0, 0, 13, 3, 0, 0, 0, 0}), []string{"00000d03", "00000803"}},
		"images too large":  {change(idxFiles(), "train-images-idx3-ubyte", idxFile(nil, 2, 1<<30, 2)), []string{"size 2 of 3 is 1073741824"}},
		"header cut":        {change(idxFiles(), "train-images-idx3-ubyte", []byte{0, 0, 8, 3, 0, 0}), []string{"ends before size 1 of 3"}},
		"a new test label":  {change(idxFiles(), "t10k-labels-idx1-ubyte", idxFile([]byte{5}, 1)), []string{"label 5 of image 0", "t10k-labels"}},
		"twice":             {change(idxFiles(), "copy/train-images-idx3-ubyte", idxFile(nil, 1, 2, 2)), []string{"the same array as", "keep one"}},
		"not zipped inside": {files{"train-images-idx3-ubyte.gz": []byte("plain")}, []string{"train-images-idx3-ubyte.gz", "gzip"}},
	} {
		parent := t.TempDir()
		_, err := dataloader.Prepare(context.Background(), c.f.folder(t), filepath.Join(parent, "set"), dataloader.PrepareOptions{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q", name, err, want)
			}
		}
		if left, _ := filepath.Glob(parent + "/*"); len(left) > 0 {
			t.Errorf("%s: left behind %v", name, left)
		}
	}
}
