package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/train"
	"duet/internal/invalid"
)

func evalCommand() *cobra.Command {
	var asJSON, perClass bool
	var maxError float64
	var o testFlags
	c := &cobra.Command{
		Use:   "eval CHECKPOINT...",
		Short: "Test a checkpoint, or several together, on a validation set",
		Long: `Eval prints the errors of a checkpoint's network, or of the best one of the folder of a run, on images
that have labels. The classes of other data are matched with those that the network learned by their names, whatever
their order. It need not have images of all of them. Of a network of up to five classes there is no top-5 error to
speak of, and it is not printed; in JSON it is 0. With --max-error the status is 1 where the top-1 error is larger.

Of several checkpoints, of networks that tell apart the same classes, the mean of their probabilities counts, as in the
paper's ensembles of five and seven networks.`,
		Example: `  duet eval runs/first
  duet eval runs/first/checkpoints/best.safetensors --views 10 --data data/other --json
  duet eval runs/first --per-class --max-error 0.05
  duet eval runs/first runs/second runs/third`,
		Args: args(cobra.MinimumNArgs(1)),
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		if !(maxError >= 0 && maxError <= 1) {
			return usage("--max-error %v, want 0 to 1, such as 0.05", maxError)
		}
		together := ensemble{members: len(given)}
		for _, path := range given[:len(given)-1] {
			if err := o.test(c, path, together.join(c.Context())); err != nil {
				return err
			}
		}
		return o.test(c, given[len(given)-1], func(classifier *duet.Classifier, set *duet.TestSet) error {
			classes := newClassErrors(classifier.Classes())
			result, err := together.test(c.Context(), classifier, set, classes.count)
			if err != nil {
				return err
			}
			e := evaluation{Result: result}
			if perClass {
				e.PerClass = classes
			}
			if err := e.print(set, asJSON); err != nil {
				return err
			}
			if !(result.Top1Error <= maxError) { // NaN where there was no image
				return fmt.Errorf("top-1 error %s, more than --max-error %v", metrics.FormatPercent(result.Top1Error), maxError)
			}
			return nil
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false,
		"print JSON: images, top1_error, top5_error, loss, and per_class where asked for")
	c.Flags().BoolVar(&perClass, "per-class", false, "print the error of each class too, the largest first")
	c.Flags().Float64Var(&maxError, "max-error", 1, "the largest top-1 error, 0 to 1, that is no failure")
	o.add(c)
	return c
}

// modelFlags are the flags of commands that use a trained network.
type modelFlags struct {
	batch     int
	devices   []string
	precision string
}

// add adds the flags. towers says what devices are used when none are named.
func (o *modelFlags) add(c *cobra.Command, towers string) {
	c.Flags().IntVar(&o.batch, "batch", 0, "images at a time; default: as in training")
	addDevices(c, &o.devices, towers)
	c.Flags().StringVar(&o.precision, "precision", "", "fp32 or bf16; default: as in training")
}

// open opens a checkpoint, or the best one of a run's folder.
func (o *modelFlags) open(path string, views int, show *display) (*duet.Classifier, error) {
	if views != 1 && views != 10 {
		return nil, usage("--views %d, want 1 or 10", views)
	}
	if o.batch < 0 {
		return nil, usage("--batch %d, want at least 1", o.batch)
	}
	c, err := duet.Open(path, duet.OpenOptions{Devices: o.devices, Precision: o.precision, Batch: o.batch, Views: views,
		Hooks: show.hooks()})
	if _, impossible := errors.AsType[*invalid.Error](err); impossible {
		return nil, &usageError{err}
	}
	if err == nil && c.Path != path {
		tell("checkpoint: %s", c.Path)
	}
	return c, err
}

// apply puts the flags into a configuration.
func (o *modelFlags) apply(c *train.Config) error {
	if o.batch != 0 {
		c.Train.Batch = o.batch
	}
	if o.precision != "" {
		c.Devices.Precision = o.precision
	}
	return useDevices(c, o.devices)
}

// evaluation is what eval prints.
type evaluation struct {
	model.Result
	PerClass classErrors
}

// MarshalJSON adds the classes to what a result has.
func (e evaluation) MarshalJSON() ([]byte, error) {
	b, err := e.Result.MarshalJSON()
	if err != nil || e.PerClass == nil {
		return b, err
	}
	per, err := json.Marshal(e.PerClass)
	return slices.Concat(b[:len(b)-1], []byte(`,"per_class":`), per, []byte("}")), err
}

func (e evaluation) print(set *duet.TestSet, asJSON bool) error {
	if set.Whole > 0 {
		var said io.Writer = results
		if asJSON {
			said = os.Stderr
		}
		fmt.Fprintf(said, "%s has no validation split: testing all its %s\n", set.Data, counted(set.Whole, "image"))
	}
	slices.SortStableFunc(e.PerClass, func(a, b classError) int { return cmp.Compare(b.Error(), a.Error()) })
	if asJSON {
		return printJSON(e)
	}
	fmt.Fprintf(results, "images       %d\ntop-1 error  %s\n", e.Images, metrics.FormatPercent(e.Top1Error))
	if metrics.HasTop5(e.Classes) {
		fmt.Fprintf(results, "top-5 error  %s\n", metrics.FormatPercent(e.Top5Error))
	}
	fmt.Fprintf(results, "loss         %.4f\n", e.Loss)
	if e.PerClass == nil {
		return nil
	}
	t := tabwriter.NewWriter(results, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nimages\twrong\ttop-1 error\t  class")
	for _, one := range e.PerClass {
		fmt.Fprintf(t, "%d\t%d\t%s\t  %s\n", one.Images, one.Wrong, metrics.FormatPercent(one.Error()),
			cmp.Or(one.Name, one.Class))
	}
	return t.Flush()
}

// A classError is how often images of a class were taken for another.
type classError struct {
	Class  string `json:"class"`
	Name   string `json:"name,omitempty"`
	Images int    `json:"images"`
	Wrong  int    `json:"wrong"`
}

// Error is the share of the class's images; 0 where there are none.
func (c classError) Error() float64 { return float64(c.Wrong) / float64(max(c.Images, 1)) }

// classErrors are those of the classes, by label.
type classErrors []classError

func newClassErrors(classes []duet.Class) (all classErrors) {
	for _, c := range classes {
		all = append(all, classError{Class: c.ID, Name: c.Name})
	}
	return all
}

func (all classErrors) count(t duet.Tested) error {
	if t.Label < 0 {
		return nil
	}
	all[t.Label].Images++
	if model.Rank(t.Probs, t.Label) > 0 {
		all[t.Label].Wrong++
	}
	return nil
}
