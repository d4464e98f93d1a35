package caffe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/alexnet/convert/caffe"
	"duet/engine/checkpoint"
)

// FuzzCaffe feeds arbitrary files to Read, which must not crash, and not take memory that a file's size does not
// justify.
func FuzzCaffe(f *testing.F) {
	seed(f, "new.caffemodel", "old.caffemodel")
	f.Add(newLayer("c", "Convolution", newBlob(4, 1, 1, 2, 2), newBlob(1, 1)))
	f.Add(oldLayer(14, oldBlob(1, 1, 2, 3), oldBlob(1, 1, 1, 2)))
	f.Add([]byte("layer {\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		net, err := caffe.Read(write(t, file))
		if err != nil {
			line(t, err)
			return
		}
		sound(t, net.Tensors(), len(file))
	})
}

// FuzzMean does so with ReadMean.
func FuzzMean(f *testing.F) {
	seed(f, "mean.binaryproto")
	f.Add(newBlob(12, 3, 2, 2))
	f.Add(message(8, doubles(1, 2, 3)))
	f.Fuzz(func(t *testing.T, file []byte) {
		mean, err := caffe.ReadMean(write(t, file))
		if err != nil {
			line(t, err)
			return
		}
		if len(mean.Shape) != 3 {
			t.Fatalf("shape %v", mean.Shape)
		}
		sound(t, []checkpoint.Tensor{mean}, len(file))
	})
}

func seed(f *testing.F, files ...string) {
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
}

func line(t *testing.T, err error) {
	if s := err.Error(); strings.ContainsAny(s, "\n\r\x1b") {
		t.Fatalf("an error of several lines: %q", s)
	}
}

// sound: as many numbers as the shape says, and no more than the file can have.
func sound(t *testing.T, tensors []checkpoint.Tensor, size int) {
	numbers := 0
	for _, x := range tensors {
		n := 1
		for _, d := range x.Shape {
			n *= d
		}
		if n != len(x.Data) {
			t.Fatalf("%d numbers of shape %v", len(x.Data), x.Shape)
		}
		numbers += n
	}
	if 4*numbers > size {
		t.Fatalf("%d numbers from a file of %d bytes", numbers, size)
	}
}
