package main

import (
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// TestAveragesAreUsed: whatever uses a trained network takes the averages of its weights, where there are any: it gives
// what a checkpoint gives whose weights they are.
func TestAveragesAreUsed(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.4")
	p.works(trainArgs("run", append(sets("data.path=set", "train.batch=4", "train.max_steps=6", "train.ema=0.9"),
		"--tensorboard")...)...)
	f, err := checkpoint.Load(p.path("runs/run/checkpoints/step-00000006.safetensors"))
	p.check(err)
	var plain, average []checkpoint.Tensor
	for _, x := range f.Tensors {
		if strings.HasPrefix(x.Name, "ema.") {
			continue
		}
		plain = append(plain, x)
		if a, is := f.Tensor("ema." + x.Name); is {
			x.Data = a.Data
		}
		average = append(average, x)
	}
	for name, tensors := range map[string][]checkpoint.Tensor{"both": f.Tensors, "plain": plain, "average": average} {
		f.Tensors = tensors
		p.check(checkpoint.Save(p.path(name+".safetensors"), f))
	}
	for _, command := range []string{"eval CHECKPOINT --data set --views 10 --json", "predict CHECKPOINT photos --json",
		"features CHECKPOINT set --layer conv2 --out OUT",
		"export safetensors CHECKPOINT --out OUT.safetensors", "export onnx CHECKPOINT --out OUT.onnx",
		"show filters CHECKPOINT --out OUT.csv", "average CHECKPOINT CHECKPOINT --out OUT.safetensors"} {
		t.Run(command, func(t *testing.T) {
			gives := func(name string) string {
				q := &place{t, t.TempDir()}
				given := strings.NewReplacer("CHECKPOINT", p.path(name+".safetensors"), "OUT", "out",
					" set", " "+p.path("set"), " photos", " "+p.path("photos")).Replace(command)
				said := q.works(strings.Fields(given)...).stdout
				files := q.holds()
				switch {
				case len(files) == 0:
					return said
				case files[0] == "out":
					return string(q.read("out/features.npy"))
				}
				return string(q.read(files[0]))
			}
			both := gives("both")
			if both != gives("average") {
				t.Error("other than of the averages")
			}
			if both == gives("plain") {
				t.Error("as of the weights")
			}
		})
	}
}

// TestAveragesTakeMemory: the plan of a training counts them.
func TestAveragesTakeMemory(t *testing.T) {
	p := newPlace(t)
	state := func(more ...string) (bytes int64) {
		var all struct {
			Parameters int
			Devices    []struct {
				State int64
			}
		}
		p.object(p.works(append([]string{"plan", "smoke", "--json", "--devices", "reference:0"}, more...)...), &all)
		return all.Devices[0].State
	}
	if without, with := state(), state("--set", "train.ema=0.5"); 2*with != 3*without {
		t.Errorf("the state is %d bytes, with averages %d; want half as much again", without, with)
	}
}
