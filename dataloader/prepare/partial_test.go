package prepare_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// An interruption before the first shard is finished leaves nothing.
func TestInterruptionLeavesNothing(t *testing.T) {
	source := mini.Animals(20).Folder(t)
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := prepare.Run(ctx, []string{source}, filepath.Join(parent, "set"),
		prepare.Options{Progress: func(p prepare.Progress) {
			if p.Done == 5 {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, prepare.ErrKept) {
		t.Errorf("error %v, want %v alone", err, context.Canceled)
	}
	if left := leftIn(t, parent); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// many is a source whose set has several shards of a MiB.
func many() mini.Files {
	f := mini.Files{}
	for k := range 120 {
		f[fmt.Sprintf("%c/%03d.png", 'a'+k%4, k)] = mini.GreyPNG(9, 7, uint8(k))
	}
	f["b/damaged.png"] = []byte("no image")
	f["d/damaged.png"] = []byte("no image")
	return f
}

// manyOptions give shards of 21 images of 128x128.
func manyOptions() prepare.Options {
	return prepare.Options{Settings: prepare.Settings{Size: 128, ShardMiB: 1, ValFraction: 0.2}, Workers: 2}
}

// After an interruption the same call goes on, and comes to the same bytes as without.
func TestGoesOn(t *testing.T) {
	for name, source := range map[string]string{"folder": many().Folder(t), "tar.gz": many().Tar(t, "many.tar.gz")} {
		whole, _ := run(t, source, manyOptions())
		want := contents(t, whole)
		out := filepath.Join(t.TempDir(), "set")
		earlier, stops := 0, 0
		for _, at := range []int{40, 65, 100, 1000} {
			ctx, cancel := context.WithCancel(context.Background())
			o := manyOptions()
			decoded := 0
			o.Progress = func(p prepare.Progress) {
				if p.Total > 0 && p.Done > p.Earlier {
					decoded++
				}
				if p.Done >= at {
					cancel()
				}
			}
			s, err := prepare.Run(ctx, []string{source}, out, o)
			cancel()
			if at == 1000 {
				check(t, err)
				if s.Earlier < earlier || s.Earlier < 40 || decoded != 122-s.Earlier {
					t.Errorf("%s: %d of an earlier run, %d decoded", name, s.Earlier, decoded)
				}
				continue
			}
			stops++
			if !errors.Is(err, prepare.ErrKept) || !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: stopped at %d: error %v, want ErrKept", name, at, err)
			}
			if _, err := packed.Open(out, "train"); err == nil {
				t.Fatal("half a set was opened")
			}
		}
		if got := contents(t, out); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: after %d interruptions another set", name, stops)
		}
		if _, err := os.Stat(out + ".partial"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %s.partial is still there", name, out)
		}
	}
}

// The last hope of a class ends the preparation at once, whichever run rejected its other images, and leaves nothing.
func TestHopelessClass(t *testing.T) {
	f := mini.Files{}
	labels := ""
	for k := range 100 {
		name, class, data := fmt.Sprintf("%03d.png", k), "light", mini.GreyPNG(9, 7, uint8(k))
		if k == 99 || k == 69 { // the first and the thirty-first: archives are in the opposite order
			class, data = "dark", []byte("no image")
		}
		f[name], labels = data, labels+name+","+class+"\n"
	}
	f["labels.csv"] = []byte(labels)
	source := f.Tar(t, "flat.tar.gz") // read in its order
	for _, interrupted := range []bool{false, true} {
		parent := t.TempDir()
		out := filepath.Join(parent, "set")
		ctx, cancel := context.WithCancel(context.Background())
		last := 0
		o := prepare.Options{Settings: prepare.Settings{Size: 128, ShardMiB: 1}, Workers: 1,
			Progress: func(p prepare.Progress) {
				if last = p.Done; interrupted && last == 25 {
					cancel()
				}
			}}
		_, err := prepare.Run(ctx, []string{source}, out, o)
		cancel()
		if interrupted {
			if !errors.Is(err, prepare.ErrKept) {
				t.Fatalf("error %v, want %v", err, prepare.ErrKept)
			}
			interrupted, last = false, 0
			_, err = prepare.Run(context.Background(), []string{source}, out, o)
		}
		if err == nil || !strings.Contains(err.Error(), "class dark has no readable training image; the last: 069.png: ") ||
			last != 30 {
			t.Errorf("after %d images: error %v", last, err)
		}
		if left := leftIn(t, parent); len(left) > 0 || errors.Is(err, prepare.ErrKept) {
			t.Errorf("left behind: %v; error %v", left, err)
		}
	}
}

// What a process leaves that is killed between publishing its set and removing OUT.partial goes with the next command.
func TestLeftAfterPublishing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "set")
	check(t, os.MkdirAll(filepath.Join(out+".partial", "state"), 0o777))
	for _, name := range []string{"lock", "begun.json", "state/train-00000"} {
		check(t, os.WriteFile(filepath.Join(out+".partial", name), nil, 0o666))
	}
	check(t, os.Mkdir(out, 0o777))
	for range 2 { // the second time only the lock is left
		_, err := prepare.Run(context.Background(), []string{mini.Animals(1).Folder(t)}, out, prepare.Options{})
		if err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("error %v", err)
		}
		if left, _ := filepath.Glob(out + "*"); len(left) != 1 {
			t.Errorf("left: %v", left)
		}
		check(t, os.Mkdir(out+".partial", 0o777))
		check(t, os.WriteFile(filepath.Join(out+".partial", "lock"), nil, 0o666))
	}
}

// interrupted leaves finished shards of many() at out.
func interrupted(t *testing.T, source, out string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := manyOptions()
	o.Progress = func(p prepare.Progress) {
		if p.Done >= 80 {
			cancel()
		}
	}
	if _, err := prepare.Run(ctx, []string{source}, out, o); !errors.Is(err, prepare.ErrKept) {
		t.Fatalf("error %v, want ErrKept", err)
	}
}

// Finished shards of another request are neither taken nor thrown away, unless that is asked for.
func TestOtherRequestsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *prepare.Options, folder string)
		want   string
	}{
		"another size": {func(o *prepare.Options, _ string) { o.Size = 64 },
			"size 64 instead of 128: repeat the command that began it, or give --restart"},
		"another fraction": {func(o *prepare.Options, _ string) { o.ValFraction = 0.1 },
			"val_fraction 0.1 instead of 0.2: repeat the command that began it, or give --restart to begin anew"},
		"a new image": {func(_ *prepare.Options, folder string) {
			check(t, os.WriteFile(filepath.Join(folder, "a", "new.png"), mini.GreyPNG(4, 4, 1), 0o666))
		}, "the source has changed since: give --restart to begin anew"},
	} {
		t.Run(name, func(t *testing.T) {
			source, out := many().Folder(t), filepath.Join(t.TempDir(), "set")
			interrupted(t, source, out)
			o := manyOptions()
			c.change(&o, source)
			_, err := prepare.Run(context.Background(), []string{source}, out, o)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--restart") {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			o.Restart = true
			s, err := prepare.Run(context.Background(), []string{source}, out, o)
			check(t, err)
			if s.Earlier != 0 {
				t.Errorf("%d images of the earlier run were taken", s.Earlier)
			}
			check(t, packed.Verify(context.Background(), out, nil))
		})
	}
}

// What is left of a shard whose state is damaged or gone is made again.
func TestDamagedStateIsMadeAgain(t *testing.T) {
	source := many().Folder(t)
	whole, _ := run(t, source, manyOptions())
	want := contents(t, whole)
	for name, damage := range map[string]func(partial string) error{
		"a state is cut":  func(p string) error { return os.Truncate(filepath.Join(p, "state", "train-00001"), 50) },
		"a state is gone": func(p string) error { return os.Remove(filepath.Join(p, "state", "train-00000")) },
		"a shard is short": func(p string) error {
			return os.Truncate(filepath.Join(p, "set", "train", "images-00001.npy"),
				50)
		},
		"begun.json is cut": func(p string) error { return os.Truncate(filepath.Join(p, "begun.json"), 9) },
		"beside a stray": func(p string) error {
			return errors.Join(os.Truncate(filepath.Join(p, "begun.json"), 9),
				os.WriteFile(filepath.Join(p, ".nfs01"), nil, 0o666))
		},
	} {
		out := filepath.Join(t.TempDir(), "set")
		interrupted(t, source, out)
		check(t, damage(out+".partial"))
		_, err := prepare.Run(context.Background(), []string{source}, out, manyOptions())
		check(t, err)
		if got := contents(t, out); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: another set", name)
		}
	}
}

func TestTwoAtOnce(t *testing.T) {
	source := mini.Animals(4).Folder(t)
	out := filepath.Join(t.TempDir(), "set")
	var second error
	_, err := prepare.Run(context.Background(), []string{source}, out, prepare.Options{Progress: func(p prepare.Progress) {
		if p.Done == 1 {
			_, second = prepare.Run(context.Background(), []string{source}, out, prepare.Options{})
		}
	}})
	check(t, err)
	if second == nil || !strings.Contains(second.Error(), "another process") {
		t.Errorf("the second: error %v", second)
	}
	check(t, packed.Verify(context.Background(), out, nil))
}

// preparedHere makes this test binary prepare a set in that folder, as a process that can be killed.
const preparedHere = "DUET_TEST_PREPARE"

// killedOptions take long enough to be killed within, and have several shards a split.
func killedOptions() prepare.Options {
	return prepare.Options{Settings: prepare.Settings{ShardMiB: 1, Size: 32},
		Generated: generated.Options{Classes: 10, Train: 2400, Val: 500, Size: 24}}
}

// kills is how often TestKilled kills; the long tests do it more often.
var kills = 3

// Killed at random moments, and gone on with every time, a preparation comes to the same bytes as one that was not.
func TestKilled(t *testing.T) {
	if out := os.Getenv(preparedHere); out != "" {
		_, err := prepare.Run(context.Background(), []string{"generated"}, out, killedOptions())
		check(t, err)
		return
	}
	began := time.Now()
	whole, _ := run(t, "generated", killedOptions())
	took := time.Since(began)
	want := contents(t, whole)
	random := rand.New(rand.NewPCG(1, 2))
	for done := 0; done < kills; {
		out := filepath.Join(t.TempDir(), "set")
		for {
			child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
			child.Env = append(os.Environ(), preparedHere+"="+out)
			check(t, child.Start())
			time.Sleep(time.Duration(random.Int64N(int64(took))))
			check(t, child.Process.Kill())
			if child.Wait() != nil {
				done++
			}
			if _, err := packed.ReadIndex(out); err == nil {
				break // it was whole when it was killed
			}
			if done >= kills {
				_, err := prepare.Run(context.Background(), []string{"generated"}, out, killedOptions())
				check(t, err)
				break
			}
		}
		if got := contents(t, out); !reflect.DeepEqual(got, want) {
			t.Fatalf("after %d kills: another set", done)
		}
	}
}
