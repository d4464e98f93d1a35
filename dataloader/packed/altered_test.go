package packed_test

import (
	"context"
	"errors"
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
		"classes.txt":      {packed.Raw, replace("classes.txt", "a cat", "a dog"), nil},
		"mean.npy":         {packed.Raw, word("mean.npy", 5, 0x41000000), nil},
		"train/labels.npy": {packed.Raw, word("train/labels.npy", 7, 0), nil},
		"train/offsets-00000.npy": {packed.JPEG, edit("train/offsets-00000.npy",
			func(d []byte) []byte { d[128+8]++; return d }), nil},
		"train/files.csv": {packed.Raw, replace("train/files.csv", "traina", "trainz"), func(s *packed.Set) error {
			_, err := s.Files()
			return err
		}},
		"train/images-00001.npy": {packed.Raw, edit("train/images-00001.npy",
			func(d []byte) []byte { d[130] ^= 1; return d }), func(s *packed.Set) error {
			return s.Load(context.Background(), nil)
		}},
		"train/flags.npy": {packed.Raw, edit("train/flags.npy", func(d []byte) []byte { d[130] ^= 1; return d }),
			func(s *packed.Set) error {
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
			for _, want := range []string{filepath.Join(dir, filepath.FromSlash(file)), "altered", "set.json",
				"duet data verify", "prepare the set again"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

// VerifyShard reads the files of the shard that holds an image, and no other, and ends when it is told to.
func TestVerifyShard(t *testing.T) {
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		dir := write(t, codec, 4*side*side*3)
		s := open(t, dir, packed.Train)
		shards := s.Index.Splits[packed.Train].Shards
		edit("train/images-00001.npy", func(d []byte) []byte { d[len(d)-1] ^= 1; return d })(t, dir)
		first := 0
		for n, images := range shards {
			for i := first; i < first+images; i++ {
				next, err := s.VerifyShard(context.Background(), i)
				if n != 1 && (err != nil || next != first+images) || n == 1 &&
					(err == nil || !strings.Contains(err.Error(), "images-00001.npy was altered")) {
					t.Errorf("%s: image %d of shard %d: next %d, error %v", codec, i, n, next, err)
				}
			}
			first += images
		}
		if len(shards) < 2 {
			t.Errorf("%s: shards %v, want several", codec, shards)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.VerifyShard(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: error %v", err)
		}
	}
}
