package metrics_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"duet/engine/metrics"
)

func open(t testing.TB, path string, afterStep uint64) *metrics.JSONL {
	t.Helper()
	m, err := metrics.OpenJSONL(path, afterStep, afterStep)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	return string(b)
}

func step(n uint64) metrics.Step {
	return metrics.Step{Step: n, Epoch: float64(n) / 4, Loss: 2.302585, LearningRate: 0.01, ImagesPerSecond: 46.5}
}

func TestLines(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name string
		in   any
		want string
	}{
		{"step", step(1), `{"step":1,"epoch":0.25,"loss":2.302585,"learning_rate":0.01,"images_per_second":46.5}`},
		{"all of a step", metrics.Step{Step: math.MaxUint64, TrainTop1Error: metrics.Of(0), DataWaitMS: metrics.Of(0.125),
			DeviceBytes: metrics.Of(1 << 40)},
			`{"step":18446744073709551615,"epoch":0,"loss":0,"learning_rate":0,"images_per_second":0,"train_top1_error":0,` +
				`"data_wait_ms":0.125,"device_bytes":1099511627776}`},
		{"no numbers", metrics.Step{Loss: math.NaN(), LearningRate: inf, ImagesPerSecond: -inf,
			DataWaitMS: metrics.Of(math.NaN())},
			`{"step":0,"epoch":0,"loss":null,"learning_rate":null,"images_per_second":null,"data_wait_ms":null}`},
		{"small and large", metrics.Step{Epoch: 1e-6, Loss: 1e300, LearningRate: 1.5e-7, ImagesPerSecond: 1e20},
			`{"step":0,"epoch":0.000001,"loss":1e+300,"learning_rate":1.5e-07,"images_per_second":100000000000000000000}`},
		{"validation", metrics.Validation{Step: 8, Epoch: 2, Loss: 1.5, Top1Error: 0.407, Top5Error: 0.182},
			`{"step":8,"epoch":2,"val_loss":1.5,"val_top1_error":0.407,"val_top5_error":0.182}`},
		{"all of a validation", metrics.Validation{Loss: math.NaN(), Top1Error: 1, Top5Error: 1, Images: metrics.Of(50000)},
			`{"step":0,"epoch":0,"val_loss":null,"val_top1_error":1,"val_top5_error":1,"images":50000}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "metrics.jsonl")
			m := open(t, path, 0)
			switch x := c.in.(type) {
			case metrics.Step:
				check(t, m.WriteStep(x))
			case metrics.Validation:
				check(t, m.WriteValidation(x))
			}
			check(t, m.Close())
			got := content(t, path)
			if got != c.want+"\n" {
				t.Errorf("got  %swant %s", got, c.want)
			}
			if !json.Valid([]byte(got)) {
				t.Error("not JSON")
			}
			steps, validations, err := metrics.Read(path)
			check(t, err)
			// NaN is not equal to itself, but prints as itself; infinities read as NaN.
			back := strings.ReplaceAll(fmt.Sprint(append(anys(steps), anys(validations)...)), "NaN", "x")
			if want := strings.NewReplacer("NaN", "x", "+Inf", "x", "-Inf", "x").Replace(fmt.Sprint([]any{c.in})); back != want {
				t.Errorf("reads back as %v, want %v", back, want)
			}
		})
	}
}

func anys[T any](list []T) []any {
	var out []any
	for _, x := range list {
		out = append(out, x)
	}
	return out
}

// TestResume opens files as killed runs leave them.
func TestResume(t *testing.T) {
	const a, b, v, c = `{"step":1,"loss":3}` + "\n", `{"step":2,"loss":2}` + "\n", `{"step":2,"val_loss":2}` +
		"\n", `{"step":3,"loss":1}` + "\n"
	for _, k := range []struct {
		name, before string
		after        uint64
		want         string
	}{
		{"empty", "", 5, ""},
		{"nothing to drop", a + b + v, 2, a + b + v},
		{"later steps", a + b + v + c, 2, a + b + v},
		{"later steps and validations", a + b + v + c, 1, a},
		{"all", a + b, 0, ""},
		{"half a line", a + b[:9], 5, a},
		{"a line without its end", a + b[:len(b)-1], 5, a},
		{"only half a line", a[:5], 5, ""},
		{"half a line and later steps", a + b + c + v[:3], 1, a},
		{"zeros after a power cut", a + "\x00\x00\x00\n\x00\x00", 5, a},
		{"lines of another kind", `{"step":1,"gpu_celsius":[60]}` + "\n" + b, 1, `{"step":1,"gpu_celsius":[60]}` + "\n"},
	} {
		t.Run(k.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "metrics.jsonl")
			check(t, os.WriteFile(path, []byte(k.before), 0o666))
			m := open(t, path, k.after)
			check(t, m.WriteStep(step(9)))
			check(t, m.Close())
			got, ok := strings.CutSuffix(content(t, path),
				`{"step":9,"epoch":2.25,"loss":2.302585,"learning_rate":0.01,"images_per_second":46.5}`+"\n")
			if !ok || got != k.want {
				t.Errorf("kept %q, want %q", got, k.want)
			}
			if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
				t.Errorf("left in the folder: %v", list)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON": "{\"step\":1}\n{\"step\n{\"step\":3}\n",
		"no step":  "{\"step\":1}\n{\"loss\":1}\n{\"step\":3}\n",
		"a word":   "{\"step\":1}\n{\"step\":1,\"loss\":\"high\"}\n{\"step\":3}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "metrics.jsonl")
			check(t, os.WriteFile(path, []byte(text), 0o666))
			_, openErr := metrics.OpenJSONL(path, 1, 1)
			_, _, readErr := metrics.Read(path)
			for _, err := range []error{openErr, readErr} {
				if err == nil || !strings.Contains(err.Error(), path+": line 2 is not a line of metrics") {
					t.Errorf("error %v", err)
				}
			}
			if content(t, path) != text {
				t.Error("the file has changed")
			}
		})
	}
	if _, _, err := metrics.Read(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("no file: %v", err)
	}
	if _, err := metrics.OpenJSONL(filepath.Join(t.TempDir(), "none", "metrics.jsonl"),
		0, 0); !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("no folder: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok || u.Unwrap() == nil {
			return err
		}
		err = u.Unwrap()
	}
}

func TestFlush(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	m := open(t, path, 0)
	defer m.Close()
	lines := func() int { return strings.Count(content(t, path), "\n") }

	check(t, m.WriteStep(step(1)))
	if n := lines(); n != 0 {
		t.Errorf("%d lines before a flush: not buffered", n)
	}
	check(t, m.WriteValidation(metrics.Validation{Step: 1}))
	if n := lines(); n != 2 {
		t.Errorf("%d lines after a validation, want 2", n)
	}
	check(t, m.WriteStep(step(2)))
	check(t, m.Flush())
	if n := lines(); n != 3 {
		t.Errorf("%d lines after Flush, want 3", n)
	}
	check(t, m.WriteStep(step(3)))
	for range 60 { // a second, and time for a busy machine
		if time.Sleep(50 * time.Millisecond); lines() == 4 {
			return
		}
	}
	t.Error("no flush within three seconds")
}

// TestMany writes more than the buffer holds.
func TestMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	m := open(t, path, 0)
	var want []metrics.Step
	for i := range uint64(3000) {
		want = append(want, step(i+1))
		check(t, m.WriteStep(want[i]))
	}
	check(t, m.Close())
	if got, _, err := metrics.Read(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%d steps, %v; want %d", len(got), err, len(want))
	}
}

func TestNoAllocation(t *testing.T) {
	m := open(t, filepath.Join(t.TempDir(), "metrics.jsonl"), 0)
	defer m.Close()
	s := step(1)
	s.DataWaitMS, s.DeviceBytes = metrics.Of(0.1), metrics.Of(1e9)
	if n := testing.AllocsPerRun(2000, func() { m.WriteStep(s) }); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
}

func BenchmarkWriteStep(b *testing.B) {
	m := open(b, filepath.Join(b.TempDir(), "metrics.jsonl"), 0)
	defer m.Close()
	s := step(1)
	s.TrainTop1Error, s.DataWaitMS, s.DeviceBytes = metrics.Of(0.123), metrics.Of(0.1), metrics.Of(1e9)
	b.ReportAllocs()
	for b.Loop() {
		s.Step++
		if err := m.WriteStep(s); err != nil {
			b.Fatal(err)
		}
	}
}

// A run that was stopped inside the validation after step 8 resumes with a checkpoint of step 8 that knows only of the
// validation after step 4: a line of the other one, written before a kill, must go, or it would stand there twice.
func TestValidationThatTheCheckpointLacks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	m := open(t, path, 0)
	for n := uint64(1); n <= 8; n++ {
		check(t, m.WriteStep(step(n)))
		if n%4 == 0 {
			check(t, m.WriteValidation(metrics.Validation{Step: n, Loss: 1}))
		}
	}
	check(t, m.Close())
	m, err := metrics.OpenJSONL(path, 8, 4)
	check(t, err)
	check(t, m.Close())
	steps, validations, err := metrics.Read(path)
	check(t, err)
	if len(steps) != 8 || len(validations) != 1 || validations[0].Step != 4 {
		t.Errorf("%d steps and validations %v, want 8 and that of step 4", len(steps), validations)
	}
}
