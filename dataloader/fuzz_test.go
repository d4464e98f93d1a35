package dataloader

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

// runFormat takes files through both passes of a format and checks what it emits against what it listed.
func runFormat(t *testing.T, f format, names []string, contents [][]byte) {
	entryOf := func(i int) entry { return entry{path: names[i], size: int64(len(contents[i]))} }
	for i, data := range contents {
		if f.look(entryOf(i), bytes.NewReader(data)) != nil {
			return
		}
	}
	l, err := f.listing()
	if err != nil || l == nil {
		return
	}
	for i, it := range l.items {
		if it.label < 0 || int(it.label) >= len(l.classes) {
			t.Fatalf("item %d has label %d of %d classes", i, it.label, len(l.classes))
		}
	}
	for i, data := range contents {
		// An error of the second pass is an answer too: a file that ends early.
		_ = f.read(entryOf(i), bytes.NewReader(data), func(item int, data []byte, cause error) error {
			if item < 0 || item >= len(l.items) {
				t.Fatalf("emitted item %d of %d", item, len(l.items))
			}
			m, err := f.decode(data)
			if err != nil || m.Bounds().Dx() != l.items[item].width || m.Bounds().Dy() != l.items[item].height {
				t.Fatalf("item %d: listed as %+v, decoded with error %v", item, l.items[item], err)
			}
			if m.Bounds().Dx()*m.Bounds().Dy() < 1<<16 {
				newFitter(4).fit(make([]byte, 4*4*3), m)
			}
			return nil
		})
	}
}

func FuzzIDX(f *testing.F) {
	images := []byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4}
	labels := []byte{0, 0, 8, 1, 0, 0, 0, 2, 5, 9}
	f.Add(images, labels)
	f.Add(images[:18], labels)
	f.Add([]byte{0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff}, labels)
	f.Add(images, []byte{0, 0, 8, 1, 0x0f, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		runFormat(t, newIDX(), []string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}, [][]byte{images, labels})
	})
}

func FuzzCIFAR(f *testing.F) {
	f.Add(make([]byte, 2*cifarRecord), "a b c")
	f.Add(make([]byte, cifarRecord-1), "")
	f.Add(append([]byte{200}, make([]byte, cifarRecord-1)...), "a")
	f.Fuzz(func(t *testing.T, batch []byte, meta string) {
		runFormat(t, newCIFAR(), []string{"data_batch_1.bin", "batches.meta.txt"}, [][]byte{batch, []byte(meta)})
	})
}

func FuzzSetInfo(f *testing.F) {
	good := setInfo{Format: setFormat, Version: setVersion, Height: 4, Width: 4, Classes: 2,
		Splits:    map[string]splitInfo{"train": {Images: 3, PerClass: []int{1, 2}}},
		Checksums: map[string]uint32{classesFile: 7}}
	data, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(bytes.Replace(data, []byte(`"version":1`), []byte(`"version":2`), 1))
	f.Add(bytes.Replace(data, []byte(`[1,2]`), []byte(`[9223372036854775807,9223372036854775807,5]`), 1))
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := parseSetInfo(data)
		if err != nil {
			return
		}
		if n := info.Splits["train"].Images; n < 1 || info.Height < 1 || info.Height > maxSide || info.Classes < 1 {
			t.Errorf("accepted %+v", info)
		}
	})
}

// FuzzClassPaths arranges two files of any path into classes.
func FuzzClassPaths(f *testing.F) {
	f.Add("cats/a.png", "train/cats/b.jpg")
	f.Add("../x.png", "/etc/passwd.png")
	f.Add("a.png", "a.png")
	f.Add("train/a/b.png", "val/a/b.png")
	f.Fuzz(func(t *testing.T, first, second string) {
		c := newClassFolders()
		for _, name := range []string{first, second} {
			if name != "" && c.look(entry{path: name}, bytes.NewReader(nil)) != nil {
				t.Fatal("look failed")
			}
		}
		l, err := c.listing()
		if err != nil || l == nil {
			return
		}
		for i, it := range l.items {
			if c.index[it.name] != i || it.label < 0 || int(it.label) >= len(l.classes) {
				t.Errorf("item %d: %+v", i, it)
			}
			if err := c.read(entry{path: it.name}, io.LimitReader(nil, 0), func(item int, _ []byte, _ error) error {
				if item != i {
					t.Errorf("item %d was emitted as %d", i, item)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
	})
}
