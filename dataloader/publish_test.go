package dataloader_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duet/dataloader"
)

func TestInterruptionLeavesNothing(t *testing.T) {
	source := animals(20).folder(t)
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	o := dataloader.PrepareOptions{Progress: func(done, total, rejected int) {
		if done == 5 {
			cancel()
		}
	}}
	_, err := dataloader.Prepare(ctx, source, filepath.Join(parent, "set"), o)
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What a killed process left is not taken for a set, and the next Prepare replaces it.
func TestAfterAKill(t *testing.T) {
	out := filepath.Join(t.TempDir(), "set")
	check(t, os.MkdirAll(out+".partial/train", 0o777))
	check(t, os.WriteFile(out+".partial/train/images.npy", []byte("half"), 0o666))
	check(t, os.WriteFile(out+".partial/lock", nil, 0o666))
	if _, err := dataloader.Open(out, "train"); err == nil {
		t.Error("opened a set that is not there")
	}
	_, err := dataloader.Prepare(context.Background(), animals(2).folder(t), out, dataloader.PrepareOptions{})
	check(t, err)
	check(t, open(t, out, "train").Verify())
	if left, _ := filepath.Glob(out + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(filepath.Join(out, "lock")); err == nil {
		t.Error("the lock was published")
	}
}

func TestTwoAtOnce(t *testing.T) {
	source := animals(4).folder(t)
	out := filepath.Join(t.TempDir(), "set")
	var second error
	_, err := dataloader.Prepare(context.Background(), source, out, dataloader.PrepareOptions{Progress: func(done, _, _ int) {
		if done == 1 {
			_, second = dataloader.Prepare(context.Background(), source, out, dataloader.PrepareOptions{})
		}
	}})
	check(t, err)
	if second == nil || !strings.Contains(second.Error(), "another process") {
		t.Errorf("the second: error %v", second)
	}
	check(t, open(t, out, "train").Verify())
}

// preparedHere makes this test binary prepare a set in that folder, as a process that can be killed.
const preparedHere = "DUET_TEST_PREPARE"

func TestKilledWhilePreparing(t *testing.T) {
	o := dataloader.PrepareOptions{Generated: dataloader.Generated{Classes: 10, Train: 50000, Size: 40}}
	if out := os.Getenv(preparedHere); out != "" {
		_, err := dataloader.Prepare(context.Background(), "generated", out, o)
		check(t, err)
		return
	}
	out := filepath.Join(t.TempDir(), "set")
	child := exec.Command(os.Args[0], "-test.run=^TestKilledWhilePreparing$")
	child.Env = append(os.Environ(), preparedHere+"="+out)
	check(t, child.Start())
	half := filepath.Join(out+".partial", "train", "images.npy")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(half); err == nil && info.Size() > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Error("the other process wrote nothing for a minute")
			break
		}
	}
	check(t, child.Process.Kill())
	if err := child.Wait(); err == nil {
		t.Fatal("the process ended before it was killed")
	}
	if _, err := dataloader.Open(out, "train"); err == nil {
		t.Error("half a set was opened")
	}
	o.Generated.Train = 20
	_, err := dataloader.Prepare(context.Background(), "generated", out, o)
	check(t, err)
	s := open(t, out, "train")
	check(t, s.Verify())
	if left, _ := filepath.Glob(out + "*"); len(left) != 1 || s.Len() != 20 {
		t.Errorf("%d images; left behind: %v", s.Len(), left)
	}
}
