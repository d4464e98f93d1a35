package checkpoint_test

import (
	"os"
	"path/filepath"
	"testing"

	"duet/engine/checkpoint"
)

// FuzzLoad feeds arbitrary files to all readers. They must not crash, and not take memory that the file's size does not
// justify; what they accept must survive being saved and loaded.
func FuzzLoad(f *testing.F) {
	folder := f.TempDir()
	path := filepath.Join(folder, "seed")
	if err := checkpoint.Save(path, sample(3)); err != nil {
		f.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound)
	f.Add(sound[:len(sound)/2])
	f.Add([]byte{})
	f.Add(craft(`{}`, nil))
	f.Add(craft(`{`+meta("1")+`}`, nil))
	f.Add(
		craft(`{"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]}}`,
			make([]byte, 6)))
	f.Add(craft(`{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,9223372036854775807]}}`,
		make([]byte, 8)))
	f.Add(craft(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":[[[[]]]]}`, nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		_, metaErr := checkpoint.ReadMeta(path)
		tensors, tensorsErr := checkpoint.LoadTensors(path)
		c, loadErr := checkpoint.Load(path)
		if loadErr == nil && (metaErr != nil || tensorsErr != nil) {
			t.Fatalf("Load accepts what others refuse: %v, %v", metaErr, tensorsErr)
		}
		if loadErr != nil {
			c = &checkpoint.File{}
		}
		if tensorsErr != nil {
			return
		}
		bytes := 0
		for _, x := range tensors {
			bytes += 4 * len(x.Data)
		}
		if bytes > 2*len(file) {
			t.Fatalf("%d bytes of tensors from a file of %d", bytes, len(file))
		}
		c.Tensors = tensors
		if hasUnusable(c) {
			return
		}
		if err := checkpoint.Save(path, c); err != nil {
			t.Fatalf("what was loaded cannot be saved: %v", err)
		}
		if _, err := checkpoint.Load(path); err != nil {
			t.Fatalf("what was saved cannot be loaded: %v", err)
		}
	})
}

// hasUnusable tells whether there is a name that the format allows and Save does not: the empty one.
func hasUnusable(c *checkpoint.File) bool {
	_, ok := c.Tensor("")
	return ok
}
