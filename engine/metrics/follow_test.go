package metrics_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/engine/metrics"
)

// reading follows a file that a test writes.
type reading struct {
	*testing.T
	metrics.Follower
	path  string
	steps []uint64
}

func newReading(t *testing.T) *reading {
	return &reading{T: t, path: filepath.Join(t.TempDir(), "metrics.jsonl")}
}

func (r *reading) write(text string) {
	r.Helper()
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	check(r, err)
	_, err = f.WriteString(text)
	check(r, err)
	check(r, f.Close())
}

// reads reads at most so many bytes, wants to have seen these steps in all, and tells whether there is more.
func (r *reading) reads(most int64, want string) (more bool) {
	r.Helper()
	f, err := os.Open(r.path)
	check(r, err)
	defer f.Close()
	info, err := f.Stat()
	check(r, err)
	if !r.Follows(f, info.Size()) {
		r.Follower, r.steps = metrics.Follower{}, nil
	}
	more, err = r.Read(f, info.Size(), most, func(s metrics.Step) { r.steps = append(r.steps, s.Step) },
		func(v metrics.Validation) { r.steps = append(r.steps, 1000+v.Step) })
	check(r, err)
	if got := fmt.Sprint(r.steps); got != want {
		r.Errorf("steps %s, want %s", got, want)
	}
	return more
}

func line(step int) string { return fmt.Sprintf(`{"step":%d,"loss":1}`+"\n", step) }

func TestFollow(t *testing.T) {
	r := newReading(t)
	r.write(line(1) + line(2)[:9])
	r.reads(1e6, "[1]")
	r.write(line(2)[9:])
	r.reads(1e6, "[1 2]")
	r.write(`{"step":2,"val_loss":1,"val_top1_error":0.5}` + "\n\n" + "no metrics\n" + `{"loss":1}` + "\n" + line(3))
	if r.reads(1e6, "[1 2 1002 3]"); r.Bad != 2 {
		t.Errorf("%d bad lines, want 2", r.Bad)
	}
	r.reads(1e6, "[1 2 1002 3]") // nothing twice
	check(t, os.WriteFile(r.path, []byte(line(1)), 0o666))
	r.reads(1e6, "[1]") // a resumed run
	check(t, os.WriteFile(r.path, []byte(strings.ReplaceAll(line(5)+line(6), "loss", "LOSS")), 0o666))
	r.reads(1e6, "[5 6]") // as long as before, and another
}

// TestFollowBounded: what is too long to be a line is passed over, and no reading takes longer than it may.
func TestFollowBounded(t *testing.T) {
	r := newReading(t)
	r.write(line(1))
	r.reads(1e6, "[1]")
	check(t, os.Truncate(r.path, 1<<20)) // a line of zeros
	for range 3 {
		if !r.reads(300<<10, "[1]") {
			t.Fatalf("at byte %d nothing is left", r.Position)
		}
	}
	r.write("\n" + line(2))
	r.reads(1<<20, "[1 2]")
	if r.Bad != 1 {
		t.Errorf("%d bad lines, want 1", r.Bad)
	}
}

// FuzzParse: a line has one meaning, whichever way it is read.
func FuzzParse(f *testing.F) {
	for _, one := range []string{`{"step":1,"loss":2.5}`, `{"step":1,"loss":null,"val_loss":-0.5e+7,"images":0}`, `{}`,
		`{"step":01,"loss":1}`, `{"step":1,"loss":.5}`, `{"step":1,"loss":1.}`, `{"step":1,"loss":+1}`, `{"step":null}`,
		`{"step":1,"loss":1e999}`, `{"step":1,"loss":Inf}`, `{"step":1,"loss":0x1}`, `{"step":1,"loss":1_0}`,
		`{"step":1,"loss":1,}`, `{"Step":1,"LOSS":1}`, `{"step":-1}`, `{"step":1,"step":2,"other":3}`} {
		f.Add(one)
	}
	f.Fuzz(func(t *testing.T, line string) {
		// A space takes it from the form that JSONL writes, and is nothing to JSON.
		plain, plainErr := metrics.Parse([]byte(line))
		other, otherErr := metrics.Parse([]byte(" " + line))
		if (plainErr == nil) != (otherErr == nil) || plainErr == nil && plain != other {
			t.Errorf("%q: %v, %v; with a space %v, %v", line, plain, plainErr, other, otherErr)
		}
	})
}

// BenchmarkFollow reads ten thousand steps.
func BenchmarkFollow(b *testing.B) {
	const line = `{"step":1234,"epoch":9.872,"loss":0.035400390625,"learning_rate":0.0123,"images_per_second":3282.5,` +
		`"train_top1_error":0.015625,"data_wait_ms":0.0021,"data_ready":1,"device_bytes":82508708}` + "\n"
	file := strings.NewReader(strings.Repeat(line, 10_000))
	for b.Loop() {
		var f metrics.Follower
		steps := 0
		_, err := f.Read(file, file.Size(), file.Size(), func(metrics.Step) { steps++ }, nil)
		if err != nil || steps != 10_000 {
			b.Fatal(steps, err)
		}
	}
}
