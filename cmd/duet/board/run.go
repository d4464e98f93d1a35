package board

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"time"

	"duet"
	"duet/configs"
	"duet/engine/checkpoint"
	"duet/engine/look"
	"duet/engine/metrics"
	"duet/engine/train"
)

const (
	mostConfig  = 1 << 20  // bytes of a configuration
	mostMetrics = 32 << 20 // bytes of metrics that are read at a time
	mostLog     = 16 << 10 // bytes of a log's end that are shown
)

// A stamp tells whether a file has changed.
type stamp struct {
	size, written int64 // bytes; nanoseconds since 1970
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime().UnixNano()} }

// A run is what is known of one.
type run struct {
	duet.RunInfo // Config is nil where it cannot be read
	problem      string
	curve        look.Run
	follower     metrics.Follower
	more         bool
	done         bool   // the log says so
	checkpoint   string // path below the folder of the runs of the newest one; "" where there is none
	files        struct{ config, metrics, log, checkpoint, mistakes stamp }
	drawn        map[drawing]look.Curve
}

func newRun(dir, name string) *run {
	r := &run{RunInfo: duet.RunInfo{Name: name, Dir: filepath.Join(dir, name)}}
	r.begin()
	return r
}

// begin forgets what was measured.
func (r *run) begin() {
	r.Step, r.Epoch, r.Loss, r.BestStep = 0, 0, math.NaN(), 0
	r.BestError, r.LastError, r.ImagesPerSecond = math.NaN(), math.NaN(), math.NaN()
	r.curve, r.follower = look.Run{Name: r.Name}, metrics.Follower{}
	if r.Config != nil {
		r.curve.Batch = r.Config.Train.Batch
	}
}

// errNotRegular is of what is no file, or a link to none: opening it might wait forever.
var errNotRegular = errors.New("not a file")

// stat says how long a regular file is, and when it was written.
func stat(root *os.Root, file string) (fs.FileInfo, error) {
	info, err := root.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", file, errNotRegular)
	}
	return info, err
}

// stat is that of a file of the run.
func (r *run) stat(root *os.Root, name string) (fs.FileInfo, error) {
	return stat(root, path.Join(r.Name, name))
}

// read reads what is new in the run's folder; false where it holds no run.
func (r *run) read(root *os.Root) bool {
	info, err := r.stat(root, "config.toml")
	if err != nil {
		return false
	}
	if now := stampOf(info); now != r.files.config {
		r.files.config = now
		r.configure(root)
		r.Began = info.ModTime()
	}
	r.Latest = r.Began
	if err := r.measure(root); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problem = err.Error()
	}
	folder := train.Folder{Dir: r.Dir}
	if info, err := r.stat(root, "log.txt"); err != nil {
		r.files.log, r.done = stamp{}, false
	} else if now := stampOf(info); now != r.files.log {
		r.files.log, r.done = now, folder.Done()
	}
	r.State = duet.RunStopped
	if r.done {
		r.State = duet.RunDone
	}
	if _, err := r.stat(root, ".lock"); err == nil {
		if training, err := folder.Training(); err == nil && training {
			r.State = duet.RunTraining
		}
	}
	r.findCheckpoint(root)
	r.files.mistakes = stamp{}
	if info, err := r.stat(root, train.MistakesName); err == nil {
		r.files.mistakes = stampOf(info)
	}
	return true
}

func (r *run) configure(root *os.Root) {
	r.Config, r.problem = nil, ""
	b, err := lastOf(root, path.Join(r.Name, "config.toml"), mostConfig)
	if err == nil {
		r.Config, err = configs.Stored(path.Join(r.Name, "config.toml"), b, nil)
	}
	if err != nil {
		r.Config, r.problem = nil, err.Error()
	}
	r.begin()
}

// lastOf reads a file, or so many of its last bytes.
func lastOf(root *os.Root, file string, most int64) ([]byte, error) {
	info, err := stat(root, file)
	if err != nil {
		return nil, err
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, max(info.Size()-most, 0), most))
}

// measure reads the metrics that are new.
func (r *run) measure(root *os.Root) error {
	info, err := r.stat(root, "metrics.jsonl")
	if err != nil {
		if r.follower.Position > 0 {
			r.begin()
		}
		return err
	}
	r.Latest = info.ModTime()
	if now := stampOf(info); now == r.files.metrics && !r.more {
		return nil
	}
	f, err := root.Open(path.Join(r.Name, "metrics.jsonl"))
	if err != nil {
		return err
	}
	defer f.Close()
	if !r.follower.Follows(f, info.Size()) {
		r.begin()
	}
	r.files.metrics, r.drawn = stampOf(info), nil
	r.more, err = r.follower.Read(f, info.Size(), mostMetrics, r.curve.AddStep, r.curve.AddValidation)
	r.Measured(r.curve.Steps, r.curve.Validations)
	return err
}

func (r *run) findCheckpoint(root *os.Root) {
	r.checkpoint, r.files.checkpoint = "", stamp{}
	if info, err := root.Stat(path.Join(r.Name, "checkpoints")); err != nil || !info.IsDir() {
		return
	}
	folder := filepath.Join(r.Dir, "checkpoints")
	file, err := checkpoint.Newest(folder)
	if err != nil {
		if file, err = checkpoint.Best(folder); err != nil {
			return
		}
	}
	name := path.Join("checkpoints", filepath.Base(file))
	if info, err := r.stat(root, name); err == nil {
		r.checkpoint, r.files.checkpoint = path.Join(r.Name, name), stampOf(info)
	}
}

// progress is how much of the training is done, 0 to 1, and how long the rest would take at the present speed; 0 and 0
// where that is not known.
func (r *run) progress() (done float64, left time.Duration) {
	if r.Config == nil || r.Step == 0 {
		return 0, 0
	}
	c := r.Config.Train
	if c.Epochs > 0 {
		done = r.Epoch / c.Epochs
	}
	if c.MaxSteps > 0 {
		done = max(done, float64(r.Step)/float64(c.MaxSteps))
	}
	if done = min(done, 1); done > 0 && r.ImagesPerSecond > 0 {
		images := float64(r.Step) * float64(c.Batch) * (1/done - 1)
		left = time.Duration(min(images/r.ImagesPerSecond, 1e9) * float64(time.Second))
	}
	return done, left
}
