package duet

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"duet/engine/metrics"
	"duet/engine/train"
)

// RunState is what is known of a run's process.
type RunState string

// The states of runs.
const (
	RunTraining RunState = "training" // a process trains it
	RunDone     RunState = "done"     // it has come to its end
	RunStopped  RunState = "stopped"  // neither: it was interrupted, or ended by an error
)

// RunInfo is what a run's folder says.
type RunInfo struct {
	Name   string // of the folder
	Dir    string
	Config *Config
	State  RunState

	Step            uint64  // the last one that was recorded
	Epoch           float64 // passes over the training set until then
	Loss            float64 // of that step
	BestError       float64 // least top-1 error of a validation, as a fraction; NaN where there was none
	BestStep        uint64
	LastError       float64   // of the last validation; NaN where there was none
	ImagesPerSecond float64   // median of the last hundred recorded steps; NaN where there are none
	Began           time.Time // when its configuration was written
	Latest          time.Time // when something was last recorded
}

// Runs reads the runs in a folder, in the order of their names. Folders in it that hold no run are passed over; one
// whose files cannot be read is told to note, which may be nil, and left out.
func Runs(dir string, note func(line string)) ([]RunInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []RunInfo
	for _, e := range entries {
		r, err := ReadRun(filepath.Join(dir, e.Name()))
		switch {
		case errors.Is(err, ErrNoRun):
		case err != nil && note != nil:
			note(err.Error())
		case err == nil:
			all = append(all, r)
		}
	}
	return all, nil
}

// ReadRun reads what the folder of a run says, which may still be training. Of a folder that holds none the error is an
// ErrNoRun.
func ReadRun(dir string) (RunInfo, error) {
	r := RunInfo{Name: filepath.Base(filepath.Clean(dir)), Dir: dir, BestError: math.NaN(), LastError: math.NaN(),
		ImagesPerSecond: math.NaN()}
	folder := train.Folder{Dir: dir}
	info, err := os.Stat(folder.Config())
	if err != nil {
		return r, fmt.Errorf("%w: %s: %w", ErrNoRun, dir, err)
	}
	r.Began, r.Latest = info.ModTime(), info.ModTime()
	if r.Config, err = LoadRun(dir); err != nil {
		return r, err
	}
	steps, validations, err := metrics.Read(folder.Metrics())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if info, err := os.Stat(folder.Metrics()); err == nil {
		r.Latest = info.ModTime()
	}
	r.Measured(steps, validations)
	r.State, err = stateOf(&folder)
	return r, err
}

// Measured fills in what steps and validations, the last of a run among them, tell of it.
func (r *RunInfo) Measured(steps []metrics.Step, validations []metrics.Validation) {
	if n := len(steps); n > 0 {
		last := steps[n-1]
		r.Step, r.Epoch, r.Loss = last.Step, last.Epoch, last.Loss
		var rates []float64
		for _, s := range steps[max(n-100, 0):] {
			rates = append(rates, s.ImagesPerSecond)
		}
		slices.Sort(rates)
		r.ImagesPerSecond = rates[len(rates)/2]
	}
	for _, v := range validations {
		if r.LastError = v.Top1Error; !(v.Top1Error >= r.BestError) {
			r.BestError, r.BestStep = v.Top1Error, v.Step
		}
	}
}

func stateOf(f *train.Folder) (RunState, error) {
	switch training, err := f.Training(); {
	case err != nil:
		return "", err
	case training:
		return RunTraining, nil
	case f.Done():
		return RunDone, nil
	}
	return RunStopped, nil
}

// Differences are the keys whose values differ between the configurations of runs, in their order, and each run's
// values of them.
func Differences(runs []RunInfo) (keys []string, values []map[string]string) {
	for range runs {
		values = append(values, map[string]string{})
	}
	for i := range runs {
		for _, change := range Changes(runs[0].Config, runs[i].Config) {
			if _, known := values[0][change.Key]; !known {
				keys = append(keys, change.Key)
				for k := range values {
					values[k][change.Key] = change.Was
				}
			}
			values[i][change.Key] = change.Is
		}
	}
	return keys, values
}
