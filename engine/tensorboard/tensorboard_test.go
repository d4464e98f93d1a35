package tensorboard_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"duet/configs"
	"duet/engine/checkpoint"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/tensorboard"
	"duet/engine/train"
)

// A point is a number or a tensor of a file.
type point struct {
	step   uint64
	tag    string
	number float32
	tensor []byte
}

// fields are those of a message by number, with the bytes of their values.
func fields(t testing.TB, b []byte) map[protowire.Number][][]byte {
	t.Helper()
	all := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatalf("no message: %v", protowire.ParseError(n))
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			t.Fatalf("no field: %v", protowire.ParseError(size))
		}
		value := b[:size]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		all[number], b = append(all[number], value), b[size:]
	}
	return all
}

// checksum is the masked CRC-32C in TensorFlow's words.
func checksum(b []byte) uint32 {
	crc := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// read gives what the one file in a folder that is not empty has, and what ends it that is no whole record.
func read(t testing.TB, dir string) (points []point, torn []byte) {
	t.Helper()
	b, err := os.ReadFile(file(t, dir))
	check(t, err)
	le := binary.LittleEndian
	for first := true; len(b) >= 12; first = false {
		n := le.Uint64(b)
		if le.Uint32(b[8:]) != checksum(b[:8]) || uint64(len(b)) < 16+n || le.Uint32(b[12+n:]) != checksum(b[12:12+n]) {
			break
		}
		event := fields(t, b[12:12+n])
		b = b[16+n:]
		if first != (event[3] != nil) || first && string(event[3][0]) != "brain.Event:2" {
			t.Fatalf("%s: the version is that of the first event alone: %q", dir, event[3])
		}
		step, _ := protowire.ConsumeVarint(event[2][0])
		for _, summary := range event[5] {
			for _, v := range fields(t, summary)[1] {
				value := fields(t, v)
				p := point{step: step, tag: string(value[1][0])}
				if value[2] != nil {
					p.number = math.Float32frombits(le.Uint32(value[2][0]))
				} else {
					p.tensor = value[8][0]
				}
				points = append(points, p)
			}
		}
	}
	return points, b
}

func file(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var found []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.Contains(e.Name(), "tfevents") && info.Size() > 0 {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has files %q, want one that is not empty", dir, found)
	}
	return found[0]
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a run's folder with a recording of it.
type world struct {
	testing.TB
	run     tensorboard.Run
	jsonl   *metrics.JSONL
	store   *checkpoint.Store
	writer  *tensorboard.Writer
	tensors []checkpoint.Tensor
	extra   map[string]string
	noted   []string
}

func newWorld(t testing.TB, network string) *world {
	t.Helper()
	c, err := configs.Load(network, nil)
	check(t, err)
	in := model.RandomInput(c.Data, 10)
	g, err := c.Setup().Graph(in, false)
	check(t, err)
	w := &world{TB: t, tensors: []checkpoint.Tensor{{Name: "input.mean", Shape: in.MeanShape, Data: in.Mean}}}
	for _, p := range g.Params {
		w.tensors = append(w.tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: p.Initial(1)},
			checkpoint.Tensor{Name: "momentum." + p.Name, Shape: p.Shape, Data: make([]float32, p.Len())})
	}
	w.extra, err = in.Metadata(nil)
	check(t, err)
	w.run = tensorboard.Run{Dir: t.TempDir(), Config: c, Note: func(line string) { w.noted = append(w.noted, line) }}
	return w
}

// begin goes on after a step, as a training does that was resumed.
func (w *world) begin(step uint64) {
	w.Helper()
	folder := train.Folder{Dir: w.run.Dir}
	var err error
	w.store, err = checkpoint.OpenStore(folder.Checkpoints(), 1)
	check(w.TB, err)
	w.jsonl, err = metrics.OpenJSONL(folder.Metrics(), step, step)
	check(w.TB, err)
	w.writer = tensorboard.NewWriter(w.run)
	check(w.TB, w.writer.Begin(step))
}

// steps records some, each with a loss of its own, a validation at even ones, and a checkpoint at multiples of four,
// of which the first is the best.
func (w *world) steps(from, to uint64, loss float64) {
	w.Helper()
	for step := from; step <= to; step++ {
		s := metrics.Step{Step: step, Epoch: float64(step) / 10, Loss: loss + 1/float64(step), LearningRate: 0.01,
			ImagesPerSecond: 1000 + float64(step), TrainTop1Error: metrics.Of(0.5), DataWaitMS: metrics.Of(0.25)}
		check(w.TB, errors.Join(w.jsonl.WriteStep(s), w.writer.Step(s)))
		if step%2 == 0 {
			v := metrics.Validation{Step: step, Epoch: s.Epoch, Loss: s.Loss, Top1Error: math.NaN(), Top5Error: 0.125}
			check(w.TB, errors.Join(w.jsonl.WriteValidation(v), w.writer.Validation(v)))
		}
		if step%4 == 0 {
			f := &checkpoint.File{Tensors: w.tensors, Meta: checkpoint.Meta{Config: string(w.run.Config.TOML()), Step: step,
				Extra: w.extra}}
			gradients := []checkpoint.Tensor{{Name: "conv1.weight", Data: []float32{-1, 2}}}
			check(w.TB, errors.Join(w.store.Save(f, step == 4), w.writer.Checkpoint(f, gradients)))
		}
	}
}

func (w *world) end() {
	w.Helper()
	check(w.TB, errors.Join(w.jsonl.Close(), w.writer.Close()))
}

// agrees wants in a folder's file the numbers of metrics.jsonl, each once and in order, and the checkpoints of steps.
func (w *world) agrees(dir string, checkpoints ...uint64) {
	w.Helper()
	steps, validations, err := metrics.Read(filepath.Join(w.run.Dir, "metrics.jsonl"))
	check(w.TB, err)
	want := map[string][]string{}
	add := func(tag string, step uint64, x float64) {
		want[tag] = append(want[tag], fmt.Sprint(step, " ", float32(x)))
	}
	for _, s := range steps {
		add("train/epoch", s.Step, s.Epoch)
		add("train/loss", s.Step, s.Loss)
		add("train/learning_rate", s.Step, s.LearningRate)
		add("train/images_per_second", s.Step, s.ImagesPerSecond)
		add("train/top1_error", s.Step, s.TrainTop1Error.Value)
		add("train/data_wait_ms", s.Step, s.DataWaitMS.Value)
	}
	for _, v := range validations {
		add("validation/loss", v.Step, v.Loss)
		add("validation/top1_error", v.Step, v.Top1Error)
		add("validation/top5_error", v.Step, v.Top5Error)
	}
	points, torn := read(w.TB, dir)
	got, pictured := map[string][]string{}, map[string][]uint64{}
	for _, p := range points {
		if p.tensor == nil {
			got[p.tag] = append(got[p.tag], fmt.Sprint(p.step, " ", p.number))
		} else {
			pictured[p.tag] = append(pictured[p.tag], p.step)
		}
	}
	if !maps.EqualFunc(got, want, slices.Equal) || len(torn) > 0 {
		w.Errorf("%s: got %v and %d torn bytes, want %v", dir, got, len(torn), want)
	}
	if !slices.Equal(pictured["configuration"], []uint64{0}) {
		w.Errorf("%s: configurations of steps %d", dir, pictured["configuration"])
	}
	for _, tag := range []string{"weights/conv1.weight", "weights/fc5.bias", "velocity/conv2.weight", "filters/conv1"} {
		if !slices.Equal(pictured[tag], checkpoints) {
			w.Errorf("%s: %s of steps %d, want %d", dir, tag, pictured[tag], checkpoints)
		}
	}
	if _, is := pictured["weights/input.mean"]; is {
		w.Errorf("%s: the mean is no weight", dir)
	}
}

// TestWriter: while a run trains, is killed, is wound back, and goes on without the writer for a time, the file has
// what metrics.jsonl has, and every checkpoint that it saw, though only the last is kept.
func TestWriter(t *testing.T) {
	w := newWorld(t, "quick")
	w.begin(0)
	w.steps(1, 10, 1)
	w.end()
	w.agrees(w.run.Dir, 4, 8)

	f, err := os.OpenFile(file(t, w.run.Dir), os.O_WRONLY|os.O_APPEND, 0) // killed in the middle of a record
	check(t, err)
	_, err = f.Write([]byte{200, 0, 0, 0, 0, 0, 0, 0, 1})
	check(t, errors.Join(err, f.Close()))
	w.begin(8)
	w.agrees(w.run.Dir, 4, 8)
	w.steps(9, 13, 2)
	w.end()
	w.agrees(w.run.Dir, 4, 8, 12)

	w.begin(4) // an earlier checkpoint
	w.agrees(w.run.Dir, 4)
	w.steps(5, 9, 3)
	w.end()
	w.agrees(w.run.Dir, 4, 8)
	path := file(t, w.run.Dir)
	seen, err := os.ReadFile(path)
	check(t, err)

	w.begin(8) // without a file of its own
	check(t, os.Remove(file(t, w.run.Dir)))
	w.steps(9, 12, 4)
	w.end()
	check(t, os.WriteFile(path, seen, 0o666))
	w.begin(12)
	w.end()
	w.agrees(w.run.Dir, 4, 8, 12)
	if len(w.noted) > 0 {
		t.Errorf("notes %q", w.noted)
	}
}

// TestExport: a run that was trained without a writer, with the checkpoints that are left, in a new folder that is
// there whole or not at all.
func TestExport(t *testing.T) {
	w := newWorld(t, "quick")
	w.begin(0)
	check(t, os.Remove(file(t, w.run.Dir)))
	w.steps(1, 9, 1)
	w.end()
	parent := t.TempDir()
	out := filepath.Join(parent, "boards", "one")
	check(t, w.run.Export(context.Background(), out))
	w.agrees(out, 4, 8)
	if err := w.run.Export(context.Background(), out); !errors.Is(err, fs.ErrExist) {
		t.Errorf("into a folder that is there: %v", err)
	}

	stopped, stop := context.WithCancel(context.Background())
	stop()
	if err := w.run.Export(stopped, filepath.Join(parent, "two")); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("%v is left, %v", entries, err)
	}

	damaged := filepath.Join(w.run.Dir, "checkpoints", "step-00000009.safetensors")
	check(t, os.WriteFile(damaged, []byte("no checkpoint"), 0o666))
	check(t, w.run.Export(context.Background(), filepath.Join(parent, "three")))
	w.agrees(filepath.Join(parent, "three"), 4, 8)
	if len(w.noted) != 1 || !strings.Contains(w.noted[0], damaged) || !strings.Contains(w.noted[0], "left out") {
		t.Errorf("notes %q", w.noted)
	}
	check(t, os.WriteFile(filepath.Join(w.run.Dir, "metrics.jsonl"), []byte("none\n{\"step\":1,\"loss\":2}\n"), 0o666))
	if err := w.run.Export(context.Background(), filepath.Join(parent, "four")); err == nil ||
		!strings.Contains(err.Error(), "line 1 is not") {
		t.Errorf("of metrics that are none: %v", err)
	}
}

// BenchmarkWriter is what the writer adds to a step, and to a checkpoint of a network.
func BenchmarkWriter(b *testing.B) {
	s := metrics.Step{Step: 1, TrainTop1Error: metrics.Of(0.5), DataWaitMS: metrics.Of(0), DataReady: metrics.Of(1),
		DeviceBytes: metrics.Of(1e9)}
	b.Run("step", func(b *testing.B) {
		w := newWorld(b, "quick")
		w.begin(0)
		for b.Loop() {
			s.Step++
			check(b, w.writer.Step(s))
		}
		w.end()
	})
	for _, network := range []string{"quick", "alexnet"} {
		b.Run("checkpoint/"+network, func(b *testing.B) {
			w := newWorld(b, network)
			w.begin(0)
			f := &checkpoint.File{Tensors: w.tensors, Meta: checkpoint.Meta{Extra: w.extra}}
			var gradients []checkpoint.Tensor
			for i := 1; i < len(w.tensors); i += 2 {
				gradients = append(gradients, w.tensors[i])
			}
			for b.Loop() {
				f.Meta.Step++
				check(b, w.writer.Checkpoint(f, gradients))
			}
			w.end()
		})
	}
}
