package prepare_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// A state of which any part is missing or changed, or that is not of its shard, is as none; the other split's are
// taken.
func TestAnyDamagedState(t *testing.T) {
	photos, out := many().Folder(t), filepath.Join(t.TempDir(), "set")
	o := manyOptions()
	o.ValFraction = 0.4 // two shards or more of each split
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(p prepare.Progress) {
		if p.Done >= 115 {
			cancel()
		}
	}
	if _, err := prepare.Run(ctx, []string{photos}, out, o); !errors.Is(err, prepare.ErrKept) {
		t.Fatal(err)
	}
	partial, whole := out+".partial", filepath.Join(t.TempDir(), "whole")
	check(t, os.CopyFS(whole, os.DirFS(partial)))
	state := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(whole, "state", name))
		check(t, err)
		return data
	}
	good := state("train-00000")
	flip := func(at int) []byte {
		data := append([]byte(nil), good...)
		data[at] ^= 1
		return data
	}
	summed := func(body []byte) []byte { return binary.LittleEndian.AppendUint32(body, packed.Extend(0, body)) }
	all := earlier(t, photos, out, o)
	if all < 80 {
		t.Fatalf("%d images of the earlier run, want most", all)
	}
	var rest int // of the validation split
	for what, data := range map[string][]byte{
		"gone": nil, "of 3 bytes": good[:3], "cut by a byte": good[:len(good)-1],
		"its last": flip(len(good) - 1), "of the next shard": state("train-00001"),
		"no state": summed([]byte("nothing of that kind")),
	} {
		check(t, os.RemoveAll(partial))
		check(t, os.CopyFS(partial, os.DirFS(whole)))
		path := filepath.Join(partial, "state", "train-00000")
		if check(t, os.Remove(path)); data != nil {
			check(t, os.WriteFile(path, data, 0o666))
		}
		got := earlier(t, photos, out, o)
		if rest == 0 {
			rest = got
		}
		if got != rest || got == 0 || got > all-60 {
			t.Errorf("%s: %d images of the earlier run, want %d of %d", what, got, rest, all)
		}
	}
}

// earlier is how many images of an earlier run a preparation goes on with; it ends there.
func earlier(t *testing.T, photos, out string, o prepare.Options) (images int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Progress = func(p prepare.Progress) {
		if p.Total > 0 { // before anything is read
			images = p.Earlier
			cancel()
		}
	}
	if _, err := prepare.Run(ctx, []string{photos}, out, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return images
}
