// Package tensorboard writes what runs have recorded into files that TensorBoard reads: the numbers of metrics.jsonl,
// the configuration, and of checkpoints the filters of the first convolution and histograms of weights, velocities and
// gradients.
//
// Such a file is never more than what the run's own records say. A training that goes on writes a new one from them,
// and then after each of its steps, so that nothing in it is there twice, and nothing of steps that were wound back.
package tensorboard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/train"
	"duet/internal/disk"
)

// A Run is a training whose records are written for TensorBoard.
type Run struct {
	Dir    string
	Config *train.Config
	Note   func(line string) // what a user should know, such as checkpoints that are left out
}

// Export writes what a run has recorded so far, which may still train, into a new folder. It is there whole or not at
// all; one that is there already is an fs.ErrExist.
func (r *Run) Export(ctx context.Context, out string) (err error) {
	parent, name := filepath.Split(filepath.Clean(out))
	parent = filepath.Clean(parent)
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s: %w: want the name of a new folder", out, fs.ErrExist)
	}
	if err := disk.MakeFolder(parent); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, "."+name+"-*"+disk.Fresh)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }() // nothing once it has its name
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	err = create(filepath.Join(temp, fileName(time.Now().Unix())), func(e *events) error {
		return r.past(ctx, e, ^uint64(0))
	})
	if err != nil {
		return err
	}
	if err := disk.SyncFolder(temp); err != nil {
		return err
	}
	if err := disk.Rename(temp, out); err != nil {
		return err
	}
	return disk.SyncFolder(parent)
}

// past writes what the run has recorded up to a step. Records of time are not kept: the last step counts as done when
// metrics.jsonl was last written, and those before by their speeds, without validations and pauses.
func (r *Run) past(ctx context.Context, e *events, until uint64) error {
	folder := train.Folder{Dir: r.Dir}
	steps, validations, err := metrics.Read(folder.Metrics())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	end := changed(folder.Metrics())
	times := timesOf(steps, r.Config.Train.Batch, end)
	start := end
	if len(times) > 0 {
		start = times[0]
	}
	if err := e.begin(start, ofConfig(string(r.Config.TOML()))); err != nil {
		return err
	}
	for i, s := range steps {
		if err := e.add(times[i], s.Step, ofStep(s)); err != nil {
			return err
		}
	}
	for _, v := range validations {
		at := start
		if i := sort.Search(len(steps), func(i int) bool { return steps[i].Step > v.Step }); i > 0 {
			at = times[i-1]
		}
		if err := e.add(at, v.Step, ofValidation(v)); err != nil {
			return err
		}
	}
	if err := r.keep(e, until); err != nil {
		return err
	}
	return r.checkpoints(ctx, e, until)
}

// timesOf are when steps were done, if the last one was at the end.
func timesOf(steps []metrics.Step, batch int, end float64) []float64 {
	times := make([]float64, len(steps))
	for i, s := range slices.Backward(steps) {
		times[i] = end
		if i > 0 && s.ImagesPerSecond > 0 {
			end -= float64(s.Step-steps[i-1].Step) * float64(batch) / s.ImagesPerSecond
		}
	}
	return times
}

// keep copies what an earlier file shows of checkpoints, most of which are removed by now.
func (r *Run) keep(e *events, until uint64) error {
	files, err := filesIn(r.Dir)
	if err != nil || len(files) == 0 {
		return err
	}
	return eachRecord(files[len(files)-1], func(event []byte) error {
		step, ofCheckpoint := glance(event)
		if !ofCheckpoint || step > until || step < e.next {
			return nil
		}
		e.next = step + 1
		return e.write(event)
	})
}

// checkpoints writes what the checkpoints show that are left of a run.
func (r *Run) checkpoints(ctx context.Context, e *events, until uint64) error {
	folder := train.Folder{Dir: r.Dir}
	paths, err := checkpoint.All(folder.Checkpoints())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if best, err := checkpoint.Best(folder.Checkpoints()); err == nil && !slices.Contains(paths, best) {
		paths = append(paths, best)
	}
	found := map[uint64]string{}
	for _, path := range paths {
		m, err := checkpoint.ReadMeta(path)
		if err != nil {
			r.leaveOut(err)
		} else if m.Step >= e.next && m.Step <= until {
			found[m.Step] = path
		}
	}
	for _, step := range slices.Sorted(maps.Keys(found)) {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		f, err := checkpoint.Load(found[step])
		if err != nil {
			r.leaveOut(err)
			continue
		}
		if err := r.add(e, changed(found[step]), f, nil); err != nil {
			return err
		}
	}
	return nil
}

// add writes what a checkpoint shows, unless it is there already.
func (r *Run) add(e *events, at float64, f *checkpoint.File, gradients []checkpoint.Tensor) error {
	if f.Meta.Step < e.next {
		return nil
	}
	e.next = f.Meta.Step + 1
	summary, err := ofCheckpoint(r.Config.Setup(), f, gradients)
	if err != nil {
		return err
	}
	return e.add(at, f.Meta.Step, summary)
}

func (r *Run) leaveOut(err error) {
	if r.Note != nil {
		r.Note(fmt.Sprintf("%v; its filters and histograms are left out", err))
	}
}

// changed is when a file was last written, or now where there is none.
func changed(path string) float64 {
	if info, err := os.Stat(path); err == nil {
		return seconds(info.ModTime())
	}
	return seconds(time.Now())
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
