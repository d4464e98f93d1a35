package prepare_test

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

func encodePNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func encodeJPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run packs a source into a new folder.
func run(t testing.TB, source string, o prepare.Options) (string, prepare.Summary) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "set")
	summary, err := prepare.Run(context.Background(), []string{source}, out, o)
	check(t, err)
	return out, summary
}

// open opens a split until the end of the test.
func open(t testing.TB, dir, split string) *packed.Set {
	t.Helper()
	s, err := packed.Open(dir, split)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// firstBytes are the first red values of a set's images.
func firstBytes(s *packed.Set) []byte {
	b := make([]byte, s.Len())
	for i := range b {
		b[i] = s.Stored(i)[0]
	}
	return b
}

// contents are all files of a folder by their path.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(data)
		return err
	}))
	return all
}
