package train_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"duet/configs"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
)

// TestStopEpochs: a training that learns nothing ends so many epochs after its first validation, whether or not it was
// interrupted, and says so.
func TestStopEpochs(t *testing.T) {
	r := newRuns(t)
	sets := []string{onOne, "train.epochs=20", "train.max_steps=0", "train.schedule.rate=1e-30", "train.validate_steps=0",
		"train.validate_epochs=1", "train.checkpoint_steps=0", "train.checkpoint_epochs=1", "train.stop_epochs=1.5"}
	s, err := r.train(context.Background(), "whole", sets...)
	r.check(err)
	// Validations are after whole epochs: the first is the best, and the second after it is the first beyond 1.5.
	if !(math.Abs(s.Epoch-3) <= 0.5) || s.Steps == 0 {
		t.Fatalf("ended after %v epochs, want 3", s.Epoch)
	}
	text, err := os.ReadFile(filepath.Join(r.path("whole"), "log.txt"))
	r.check(err)
	if !strings.Contains(string(text), "no lower error") {
		t.Errorf("the log does not say why it ended:\n%s", text)
	}
	for asked := 5; ; asked += 11 {
		name := strconv.Itoa(asked)
		if _, err := r.train(newCountdown(asked), name, sets...); err == nil {
			break
		}
		again, err := r.resume(context.Background(), name, sets...)
		r.check(err)
		if again.Steps != s.Steps {
			t.Fatalf("interrupted after %d questions: ended after %d steps, want %d", asked, again.Steps, s.Steps)
		}
		r.same("whole", name, s.Steps)
	}
	// Who wants more goes on.
	more, err := r.resume(context.Background(), "whole", append(sets, "train.stop_epochs=2.5")...)
	r.check(err)
	if more.Steps <= s.Steps {
		t.Errorf("resumed with more patience: ended after %d steps, as before", more.Steps)
	}
}

// TestStopEpochsOfOtherBatches: epochs since the best validation are those of images that were seen, in batches of
// whatever sizes.
func TestStopEpochsOfOtherBatches(t *testing.T) {
	r := newRuns(t)
	sets := []string{onOne, "train.schedule.rate=1e-30", "train.validate_steps=1", "train.stop_epochs=2"}
	// The best is after the first step, 4 images; 16, and then 48 were seen in batches of 4 and of 32.
	_, err := r.train(context.Background(), "run", append(sets, "train.batch=4", "train.max_steps=4")...)
	r.check(err)
	_, err = r.resume(context.Background(), "run", append(sets, "train.batch=32", "train.max_steps=5")...)
	r.check(err)
	s, err := r.resume(context.Background(), "run", append(sets, "train.batch=16", "train.max_steps=40")...)
	r.check(err)
	if s.BestStep != 1 || s.Steps != 11 { // 48 + 6*16 images are the first beyond 4 + 2*64
		t.Errorf("the best is step %d, the end step %d; want 1 and 11", s.BestStep, s.Steps)
	}
}

// TestClassWeightsOfOtherData: a weight for each class, known before anything is packed.
func TestClassWeightsOfOtherData(t *testing.T) {
	c, err := configs.Load("quick", []string{"train.class_weights=[1, 2]"})
	if err == nil {
		err = c.Foresee(prepare.Outline{Side: 32, Classes: make([]packed.Class, 10)})
	}
	if want := "train.class_weights: 2 numbers, want one for each of the data's 10 classes"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}
