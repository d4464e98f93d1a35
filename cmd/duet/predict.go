package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"duet"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/tree"
	"duet/engine/checkpoint"
	"duet/engine/metrics"
)

// guesses are how many classes predict shows.
const guesses = 5

// A prediction is of an image, or says why there is none.
type prediction struct {
	Image   string  `json:"image"`
	Guesses []guess `json:"guesses,omitempty"`
	Error   string  `json:"error,omitempty"`
}

type guess struct {
	Class       string `json:"class"`
	Name        string `json:"name,omitempty"` // of the class for people, where it has one
	shown       string
	Label       int            `json:"label"`
	Probability metrics.Number `json:"probability"`
}

func predictCommand() *cobra.Command {
	var views int
	var asJSON bool
	var o modelFlags
	c := &cobra.Command{
		Use:   "predict CHECKPOINT... IMAGE...",
		Short: "Classify images with a checkpoint, or several together",
		Long: `Predict prints the most probable classes of each image, as they are found. CHECKPOINT may be the folder of
a run, whose best checkpoint is taken; IMAGE may be a folder, of which all images are taken. One that cannot be read
is named at the end, and the status is 1 then.

Of several checkpoints, of networks that tell apart the same classes, the mean of their probabilities counts, as in duet
eval. The first argument is a checkpoint, and so are those right after it that end in .safetensors, begin as such a file
does, or are folders with checkpoints.`,
		Example: `  duet predict runs/first/checkpoints/best.safetensors cat.jpg dog.png
  duet predict runs/first photos --json
  duet predict runs/first runs/second runs/third cat.jpg`,
		Args: args(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, given []string) (err error) {
			show := newDisplay()
			defer show.close()
			members := 1
			for members < len(given) && checkpoint.Is(given[members]) {
				members++
			}
			if members == len(given) {
				return usage("%s is a checkpoint too: want an IMAGE after the checkpoints", given[members-1])
			}
			var together jury
			defer func() { err = errors.Join(err, together.close()) }()
			for _, path := range given[:members] {
				classifier, err := o.open(path, views, show)
				if err == nil {
					err = together.join(classifier)
				}
				if err != nil {
					return err
				}
			}
			paths, err := imagesIn(given[members:])
			if err != nil {
				return err
			}
			progress := newCounter(os.Stderr, "classifying", "images").patient()
			defer progress.close()
			out := predictions{json: asJSON}
			err = out.all(c.Context(), together, paths, cmp.Or(o.batch, together[0].Config.Train.Batch), progress)
			return errors.Join(err, out.end())
		},
	}
	c.Flags().IntVar(&views, "views", 1, "views an image: 1 (centre) or 10 (corners, centre and mirrors)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	o.add(c, "auto")
	return c
}

// imagesIn are the given files, and the images in the given folders and those below them, in order: files with the
// endings of images, also of formats that are not decoded, but for what is hidden.
func imagesIn(given []string) (paths []string, err error) {
	for _, path := range given {
		if info, err := os.Stat(path); err != nil || !info.IsDir() { // what is wrong with it is told among the images
			paths = append(paths, path)
			continue
		}
		if _, err := os.Stat(filepath.Join(path, packed.IndexFile)); err == nil {
			return nil, usage("%s is a packed set: want images, or duet eval CHECKPOINT --data %s", path, path)
		}
		t, err := tree.List(context.Background(), []tree.Root{{Path: path}}, tree.Options{
			Beside: func(string) string { return "an archive" }})
		if err != nil {
			return nil, err
		}
		first := len(paths)
		for e := range t.Entries() {
			if e.Kind == tree.File && (picture.IsNamed(e.Name) || picture.IsForeign(e.Name)) {
				paths = append(paths, filepath.Join(path, filepath.FromSlash(e.Name)))
			}
		}
		if len(paths) == first {
			return nil, fmt.Errorf("%s: no images in this folder: want files that end in %s", path,
				strings.Join(picture.Endings, ", "))
		}
		slices.Sort(paths[first:])
	}
	return paths, nil
}

// predictions are printed as they come.
type predictions struct {
	json    bool
	printed int
	causes  []string // why there are none of some images
}

// all classifies images, so many at a time.
func (out *predictions) all(ctx context.Context, all jury, paths []string, batch int, progress *counter) error {
	for first := 0; first < len(paths); first += batch {
		some, err := all.predict(ctx, paths[first:min(first+batch, len(paths))])
		if err != nil {
			return err
		}
		for _, p := range some {
			if err := out.print(p); err != nil {
				return err
			}
		}
		if !results.isTerminal() { // where the predictions themselves show how far it is
			progress.show(first+len(some), len(paths))
		}
	}
	return nil
}

// decode reads the image of a file.
func decode(c *duet.Classifier, path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	m, err := c.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// print prints one: an element of a JSON array, or some lines.
func (out *predictions) print(p prediction) error {
	if p.Error != "" {
		out.causes = append(out.causes, p.Error)
	}
	var text string
	switch {
	case out.json:
		element, err := json.MarshalIndent(p, "  ", "  ")
		if err != nil {
			return err
		}
		text = map[bool]string{true: "[\n  ", false: ",\n  "}[out.printed == 0] + string(element)
	case p.Error == "":
		text = p.lines()
	}
	out.printed++
	_, err := results.Write([]byte(text))
	return err
}

// end closes the array, of an interrupted command too, and makes an error of the images that there are no predictions
// of.
func (out *predictions) end() error {
	if out.json {
		text := "\n]\n"
		if out.printed == 0 {
			text = "[]\n"
		}
		results.Write([]byte(text)) // its error is told at the program's end
	}
	switch len(out.causes) {
	case 0:
		return nil
	case 1:
		return errors.New(out.causes[0])
	}
	return fmt.Errorf("%d of %d images cannot be read:\n%s", len(out.causes), out.printed, strings.Join(out.causes, "\n"))
}

// top are the most probable classes.
func top(p duet.Prediction) []guess {
	var all []guess
	for _, g := range p[:min(guesses, len(p))] {
		all = append(all, guess{Class: g.ID, Name: g.Name, shown: g.Title, Label: g.Label,
			Probability: metrics.Number(g.Probability)})
	}
	return all
}

// lines are the image and its classes with bars.
func (p prediction) lines() string {
	const width = 30
	var b strings.Builder
	fmt.Fprintln(&b, p.Image)
	longest := 0
	for _, g := range p.Guesses {
		longest = max(longest, utf8.RuneCountInString(g.shown))
	}
	for _, g := range p.Guesses {
		filled := 0
		if g.Probability > 0 { // nor a NaN
			filled = int(g.Probability*width + 0.5)
		}
		fmt.Fprintf(&b, "  %-*s  %s%s  %s\n", longest, g.shown, strings.Repeat("█", filled),
			strings.Repeat("·", width-filled), metrics.FormatPercent(float64(g.Probability)))
	}
	return b.String()
}
