package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestFullOutput: results that cannot be written are an error, of every command, in every form.
func TestFullOutput(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24", "--val-fraction", "0.2")
	p.works("prepare", "set", "damaged")
	p.write([]byte("no labels"), "damaged", "train", "labels.npy")
	data := sets("data.path=set", "train.batch=4", "train.max_steps=1")
	p.works(trainArgs("run", data...)...)
	p.write(asNPY([]int{3}, make([]float32, 3)), "mean.npy")
	p.write([]byte("up\ndown\n"), "classes.txt")
	best := "runs/run/checkpoints/best.safetensors"
	smoke := append([]string{"smoke", "--devices", "reference:0"}, data...)
	with := func(command string, args []string, more ...string) []string {
		return slices.Concat(strings.Fields(command), args, more)
	}
	seen := map[string]bool{"duet": true} // prints its help, as --help does
	for _, args := range [][]string{
		{"--help"},
		{"help", "train"},
		{"completion", "bash"},
		{"version"},
		{"devices"},
		{"devices", "--json"},
		with("plan", smoke),
		with("plan", smoke, "--json"),
		with("plan", smoke, "--dot"),
		{"plan", "smoke", "--devices", "cuda:0", "--limits", "h100"},
		{"plan", "smoke", "--devices", "cuda:0", "--limits", "h100", "--json"},
		with("gradcheck", []string{"smoke", "--samples", "1"}),
		with("bench", smoke, "--steps", "1"),
		with("bench", smoke, "--steps", "1", "--json"),
		with("bench", smoke, "--steps", "1", "--data", "--rounds", "1"),
		{"prepare", "photos", "again", "--size", "8"},
		{"data", "info", "set"},
		{"data", "info", "set", "--json"},
		{"data", "verify", "set"},
		{"data", "verify", "damaged"},
		with("data show smoke", data),
		with("data bench smoke", data, "--rounds", "1"),
		trainArgs("other", data...),
		trainArgs("run", append(data, "--resume")...),
		{"eval", best},
		{"eval", best, "--json"},
		{"eval", best, "--data", "photos"},
		{"predict", best, "photos/down/0.png"},
		{"predict", best, "photos/down/0.png", "--json"},
		{"predict", best, best, "photos/down/0.png"},
		{"show", "network", "smoke"},
		{"show", "filters", best},
		{"show", "filters", best, "--json"},
		{"show", "predictions", best},
		{"show", "neighbours", best},
		{"show", "maps", best, "photos/down/0.png"},
		{"show", "occlusion", best, "photos/down/0.png", "--patch", "12"},
		{"show", "confusion", best},
		{"show", "losses", best},
		{"features", best, "set", "--out", "features"},
		with("lrfind", smoke, "--steps", "10"),
		with("lrfind", smoke, "--steps", "10", "--json"),
		{"plot", "runs/run"},
		{"export", "tensorboard", "runs/run", "board"},
		{"average", best, "--out", "mean"},
		append([]string{"import", best, "--as", "smoke", "--mean", "mean.npy", "--classes", "classes.txt", "--partial",
			"--out", "imported"}, smoke[3:]...),
		{"export", "onnx", best, "--out", "model.onnx"},
		{"export", "pytorch", best, "--out", "module"},
		{"export", "safetensors", best, "--out", "weights.safetensors"},
		{"runs"},
		{"runs", "--json"},
		{"runs", "--csv"},
		{"board", "--address", "127.0.0.1:0"},
		{"board", "runs", "--save", "board.html"},
	} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err) // only Linux and the BSDs have it
		}
		cmd := p.command(args...)
		cmd.Stdout = full
		var said strings.Builder
		cmd.Stderr = &said
		err = cmd.Run()
		p.check(full.Close())
		if err == nil || cmd.ProcessState.ExitCode() != exitFailed ||
			strings.Count(said.String(), "no space left on device") != 1 {
			t.Errorf("duet %v on a full disk: exit %d: %s", args, cmd.ProcessState.ExitCode(), said.String())
		}
		c, _, err := rootCommand().Find(args)
		p.check(err)
		seen[c.CommandPath()] = true
	}
	each(rootCommand(), func(c *cobra.Command) {
		if c.Runnable() && !seen[c.CommandPath()] && !c.HasSubCommands() {
			t.Errorf("%s was not tried", c.CommandPath())
		}
	})
}

// each visits a command and all below it.
func each(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		each(sub, f)
	}
}
