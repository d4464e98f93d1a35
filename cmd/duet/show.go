package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/look"
	"duet/engine/model"
	"duet/engine/train"
	"duet/internal/disk"
)

func showCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "show WHAT",
		Short: "Draw a network, or what it has learned",
		Args:  args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(showNetworkCommand(), showFiltersCommand(), showPredictionsCommand(), showNeighboursCommand(),
		showMapsCommand(), showOcclusionCommand(), showConfusionCommand(), showLossesCommand())
	return c
}

func showNetworkCommand() *cobra.Command {
	var out, kind string
	c := &cobra.Command{
		Use:   "network CONFIG|CHECKPOINT",
		Short: "Draw the layers of a network, tower beside tower",
		Long: `Network draws a box for each layer of each tower, with what it does, the shape of what it gives for an
image, its parameters, and its additions and multiplications forward. Red arrows are exchanges, with the bytes that
cross between the devices for a batch. The network may also be a checkpoint's, or that of the run in a folder.`,
		Example: `  duet show network configs/alexnet.toml --out alexnet.svg
  duet show network runs/first --out first.png`,
		Args: args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) error {
		if err := checkOut(out, look.Formats...); err != nil {
			return err
		}
		draw, known := map[string]func(*look.Network) look.Picture{
			"layers": (*look.Network).Boxes, "boxes": (*look.Network).Volumes}[kind]
		if !known {
			return usage("--style %s, want layers or boxes", kind)
		}
		config, in, err := configOrCheckpoint(given[0], *sets)
		if err != nil {
			return err
		}
		n, err := look.Describe(config.Setup(), in)
		if err != nil {
			return err
		}
		return writePicture(out, draw(n))
	}
	c.Flags().StringVar(&kind, "style", "layers",
		"layers, or boxes: what the layers give, drawn to scale as the paper's Figure 2 does")
	c.Flags().StringVar(&out, "out", "network.svg", "file to write: .svg or .png")
	return c
}

// pictureOrTable are the endings of what can be drawn and has numbers.
var pictureOrTable = slices.Concat(look.Formats, []string{".csv"})

// checkOut refuses a file to write whose name does not end as one of these.
func checkOut(path string, endings ...string) error {
	if slices.Contains(endings, strings.ToLower(filepath.Ext(path))) {
		return nil
	}
	last := len(endings) - 1
	return usage("--out %s, want a name that ends in %s or %s", path, strings.Join(endings[:last], ", "), endings[last])
}

// configOrCheckpoint reads the configuration in a file, or that of a checkpoint, with what the network sees.
func configOrCheckpoint(path string, sets []string) (*train.Config, model.Input, error) {
	info, err := os.Stat(path)
	if is := err == nil && info.IsDir(); !is && filepath.Ext(path) != ".safetensors" {
		config, err := load(path, sets)
		if err != nil {
			return nil, model.Input{}, err
		}
		return config, model.RandomInput(config.Data, classesOf(config)), nil
	}
	if len(sets) > 0 {
		return nil, model.Input{}, usage("--set of a checkpoint, whose network is what it is")
	}
	trained, err := duet.ReadCheckpoint(path)
	if err != nil {
		return nil, model.Input{}, err
	}
	return trained.Config, trained.Input, nil
}

// writePicture writes a picture in the format of the file's ending, so that the file is there whole or not at all.
func writePicture(path string, p look.Picture) error {
	b, err := p.Encode(strings.ToLower(filepath.Ext(path)))
	if err != nil {
		return err
	}
	return writeWhole(path, b)
}

// writeTable writes rows as CSV, likewise.
func writeTable(path string, rows [][]string) error {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return err
	}
	return writeWhole(path, b.Bytes())
}

// writeWhole writes a file and says so.
func writeWhole(path string, b []byte) error {
	if err := disk.Replace(path, b); err != nil {
		return err
	}
	_, err := fmt.Fprintln(results, path)
	return err
}
