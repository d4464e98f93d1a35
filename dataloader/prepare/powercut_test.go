package prepare_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/internal/disk/powercut"
)

// TestPowerCut: a set that is published would be there after a power cut, whole, whether it was made at once or in
// several runs; it gets its name when all that is in it is on disk.
func TestPowerCut(t *testing.T) {
	source := many().Folder(t)
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		dir, cut := t.TempDir(), powercut.Watch(t)
		out := filepath.Join(dir, "set")
		for _, at := range []int{60, 1000} {
			ctx, cancel := context.WithCancel(context.Background())
			o := manyOptions()
			if o.Codec = codec; codec == packed.JPEG {
				o.Quality = 95
			}
			o.Progress = func(p prepare.Progress) {
				if p.Done >= at {
					cancel()
				}
			}
			_, err := prepare.Run(ctx, []string{source}, out, o)
			cancel()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		cut.Has(dir, out)
		for _, name := range []string{"set.json", "classes.txt", "train/images-00000.npy", "train/labels.npy",
			"val/files.csv"} {
			cut.Has(dir, filepath.Join(out, filepath.FromSlash(name)))
		}
	}
}
