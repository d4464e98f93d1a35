package packed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/packed"
)

// A file that was altered is refused though what it says could be: its checksum is not that of the index.
func TestAltered(t *testing.T) {
	whole := map[string]string{packed.Raw: write(t, packed.Raw, 4*side*side*3), packed.JPEG: write(t, packed.JPEG, 1<<20)}
	for file, c := range map[string]struct {
		codec string
		alter func(t *testing.T, dir string)
		read  func(s *packed.Set) error // nil: Open does
	}{
		"classes.txt":             {packed.Raw, replace("classes.txt", "a cat", "a dog"), nil},
		"mean.npy":                {packed.Raw, word("mean.npy", 5, 0x41000000), nil},
		"train/labels.npy":        {packed.Raw, word("train/labels.npy", 7, 0), nil},
		"train/offsets-00000.npy": {packed.JPEG, edit("train/offsets-00000.npy", func(d []byte) []byte { d[128+8]++; return d }), nil},
		"train/files.csv": {packed.Raw, replace("train/files.csv", "traina", "trainz"), func(s *packed.Set) error {
			_, err := s.Files()
			return err
		}},
		"train/flags.npy": {packed.Raw, edit("train/flags.npy", func(d []byte) []byte { d[130] ^= 1; return d }), func(s *packed.Set) error {
			_, err := s.Flags()
			return err
		}},
	} {
		t.Run(file, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "set")
			check(t, os.CopyFS(dir, os.DirFS(whole[c.codec])))
			c.alter(t, dir)
			s, err := packed.Open(dir, packed.Train)
			if c.read != nil {
				check(t, err)
				defer s.Close()
				err = c.read(s)
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range []string{filepath.Join(dir, filepath.FromSlash(file)), "altered", "set.json", "duet data verify", "prepare the set again"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}
