//go:build unix

package prepare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source"
)

// A set that is cut while it is the source of another is lost: its images are not taken for damaged ones.
func TestSetCutWhileRead(t *testing.T) {
	for _, codec := range []string{packed.Raw, packed.JPEG} {
		o := manyOptions()
		o.Codec = codec
		dir, _ := run(t, many().Folder(t), o)
		parent := t.TempDir()
		cut := filepath.Join(dir, "train", "images-00000.npy")
		_, err := prepare.Run(context.Background(), []string{dir}, filepath.Join(parent, "set"),
			prepare.Options{Settings: prepare.Settings{Size: 16}, Workers: 1, Progress: func(p prepare.Progress) {
				if p.Total > 0 && p.Done == 1 {
					check(t, os.Truncate(cut, 0))
				}
			}})
		if !errors.Is(err, source.ErrLost) || !strings.Contains(err.Error(), cut) {
			t.Errorf("%s: error %v, want ErrLost and %s", codec, err, cut)
		}
		if left := leftIn(t, parent); len(left) > 0 {
			t.Errorf("%s: left %v", codec, left)
		}
	}
}
