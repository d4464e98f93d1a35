package prepare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// Nothing that a preparation did not make is touched, be it in a folder that looks like one of its own.
func TestForeignPartial(t *testing.T) {
	photos := mini.Animals(4).Folder(t)
	for name, files := range map[string]map[string]string{
		"one file":           {"thesis.txt": "x"},
		"beside a lock":      {"lock": "", "thesis/data.txt": "x"},
		"beside a beginning": {"lock": "", "begun.json": "{}", "set/a": "", "thesis.txt": "x"},
		"no lock":            {"set/data.txt": "x"},
		"a folder of ours":   {"lock": "", "set/data.txt": "x"},
	} {
		out := filepath.Join(t.TempDir(), "set")
		for file, text := range files {
			path := filepath.Join(out+".partial", file)
			check(t, os.MkdirAll(filepath.Dir(path), 0o777))
			check(t, os.WriteFile(path, []byte(text), 0o666))
		}
		before := contents(t, out+".partial")
		for _, source := range []string{photos, filepath.Join(out, "nowhere")} {
			if _, err := prepare.Run(context.Background(), []string{source}, out, prepare.Options{}); err == nil ||
				!strings.Contains(err.Error(), "move it away") {
				t.Errorf("%s: error %v", name, err)
			}
			if got := contents(t, out+".partial"); !reflect.DeepEqual(got, before) {
				t.Errorf("%s: there is %v now", name, got)
			}
		}
	}
}

// What the system cannot read for a moment may be whole: it is an error, and nothing of it is removed.
func TestStateThatCannotBeRead(t *testing.T) {
	photos := many().Folder(t)
	out := filepath.Join(t.TempDir(), "set")
	interrupted(t, photos, out)
	state := filepath.Join(out+".partial", "state", "train-00000")
	check(t, os.Rename(state, state+" aside"))
	check(t, os.Mkdir(state, 0o777)) // EISDIR stands for EIO
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := manyOptions()
	o.Progress = func(p prepare.Progress) {
		if p.Total > 0 {
			cancel()
		}
	}
	if _, err := prepare.Run(ctx, []string{photos}, out, o); err == nil || !strings.Contains(err.Error(), "train-00000") {
		t.Errorf("error %v", err)
	}
	if _, err := prepare.Run(context.Background(), []string{photos}, out,
		prepare.Options{Settings: prepare.Settings{Size: 64}}); err == nil ||
		!strings.Contains(err.Error(), "--restart") {
		t.Errorf("with other options: error %v", err)
	}
	check(t, os.Remove(state))
	check(t, os.Rename(state+" aside", state))
	s, err := prepare.Run(context.Background(), []string{photos}, out, manyOptions())
	if check(t, err); s.Earlier < 20 {
		t.Errorf("%d images of the earlier run were there", s.Earlier)
	}
}

// A source that cannot be reached once all is done may be there again in a moment: what is finished is kept.
func TestSourceGoneAtTheEnd(t *testing.T) {
	tar := many().Tar(t, "many.tar")
	want, _ := run(t, tar, manyOptions())
	out := filepath.Join(t.TempDir(), "set")
	o := manyOptions()
	o.Progress = func(p prepare.Progress) {
		if p.Total > 0 && p.Done == p.Total {
			if err := os.Rename(tar, tar+" away"); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
	}
	if _, err := prepare.Run(context.Background(), []string{tar}, out, o); !errors.Is(err, prepare.ErrKept) ||
		!errors.Is(err, os.ErrNotExist) {
		t.Fatalf("error %v, want %v", err, prepare.ErrKept)
	}
	check(t, os.Rename(tar+" away", tar))
	s, err := prepare.Run(context.Background(), []string{tar}, out, manyOptions())
	if check(t, err); s.Decoded != 0 {
		t.Errorf("%d images were decoded again", s.Decoded)
	}
	if !reflect.DeepEqual(contents(t, out), contents(t, want)) {
		t.Error("another set")
	}
}

// Who begins anew need not read what was.
func TestRestartPastUnreadable(t *testing.T) {
	photos := many().Folder(t)
	out := filepath.Join(t.TempDir(), "set")
	interrupted(t, photos, out)
	state := filepath.Join(out+".partial", "state", "train-00000")
	check(t, os.Remove(state))
	check(t, os.Mkdir(state, 0o777))
	o := manyOptions()
	o.Restart = true
	s, err := prepare.Run(context.Background(), []string{photos}, out, o)
	if check(t, err); s.Earlier != 0 {
		t.Errorf("%d images of an earlier run", s.Earlier)
	}
}

// A shard that a killed process left unfinished is no part of the set, even when no image comes for its number any
// more.
func TestLeftShard(t *testing.T) {
	photos := many().Folder(t)
	out := filepath.Join(t.TempDir(), "set")
	interrupted(t, photos, out)
	left := filepath.Join(out+".partial", "set", "train", "images-00099.npy")
	check(t, os.WriteFile(left, []byte("half a shard"), 0o666))
	_, err := prepare.Run(context.Background(), []string{photos}, out, manyOptions())
	check(t, err)
	if _, err := os.Stat(filepath.Join(out, "train", "images-00099.npy")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is in the set: %v", err)
	}
}

// A file that something else put beside what a preparation made, as systems do, is left where it is, and stops nothing.
func TestStrayInPartial(t *testing.T) {
	photos := many().Folder(t)
	for _, name := range []string{".DS_Store", "Thumbs.db"} {
		out := filepath.Join(t.TempDir(), "set")
		interrupted(t, photos, out)
		stray := filepath.Join(out+".partial", name)
		check(t, os.WriteFile(stray, []byte("x"), 0o666))
		s, err := prepare.Run(context.Background(), []string{photos}, out, manyOptions())
		if check(t, err); s.Earlier < 20 {
			t.Errorf("%s: %d images of the earlier run were there", name, s.Earlier)
		}
		if left := contents(t, out+".partial"); len(left) != 1 {
			t.Errorf("%s: left behind: %v", name, left)
		}
		check(t, os.Remove(stray))
	}
}
