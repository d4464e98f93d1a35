package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duet/dataloader"
	"duet/dataloader/prepare"
	"duet/engine/metrics"
	"duet/engine/train"
	"duet/internal/invalid"
)

func prepareCommand() *cobra.Command {
	o := prepare.Options{Settings: dataloader.Default().Settings} // as train packs a source
	var classes string
	c := &cobra.Command{
		Use:   "prepare SOURCE... OUT",
		Short: "Decode images once into a packed set",
		Long: `Prepare decodes a source of labelled images into a packed set, a folder of .npy files that training maps
into memory. What the source is, is found by looking:

  - ImageNet (ILSVRC2012): the archives as they come, or the folder that holds them: ILSVRC2012_img_train.tar, and for
    the validation split ILSVRC2012_img_val.tar with ILSVRC2012_devkit_t12.tar.gz or another list of its labels
  - class folders, with or without train/ and val/ above them
  - images with a CSV file of their labels, in its usual columns or those of --columns
  - CIFAR-10 and CIFAR-100 (binary version), IDX files (MNIST)
  - a packed set, to resize it or to take a part of it
  - "generated": images that duet draws

Folders may be inside a .tar, .tar.gz or .zip. Images become RGB, their shorter side is resized to --size and the
centre is kept. Files that cannot be read are listed in OUT/rejected.csv. Labels follow the order of the classes'
names: of their values where all are whole numbers (2 before 10), else of their bytes. Interrupted, even killed, the
same command goes on after the last finished shard; OUT is there whole or not at all.`,
		Example: `  duet prepare ILSVRC2012_img_train.tar ILSVRC2012_img_val.tar ILSVRC2012_devkit_t12.tar.gz data/imagenet
  duet prepare photos data/photos --val-fraction 0.2
  duet prepare data/imagenet data/imagenet-10 --classes @classes.txt --per-class 500 --size 128`,
		Args: args(cobra.MinimumNArgs(2)),
		RunE: func(c *cobra.Command, given []string) (err error) {
			if o.Classes, err = readClassList(classes); err != nil {
				return &usageError{err}
			}
			if slices.Contains(given, "") {
				return usage("an empty SOURCE or OUT, want paths")
			}
			if err := o.Check(); err != nil {
				return badFlag(err)
			}
			sources, out := given[:len(given)-1], given[len(given)-1]
			limitMemory()
			show := newDisplay()
			o.Progress = train.ShowData(sources[0], show.show, nil).Progress
			began := time.Now()
			s, err := prepare.Run(c.Context(), sources, out, o)
			show.close()
			if errors.Is(err, prepare.ErrNoClass) && strings.Contains(classes, ",") && !strings.HasPrefix(classes, "@") {
				return fmt.Errorf("%w; a name with a comma in it wants --classes @FILE", err)
			}
			if err != nil {
				return stopped(err)
			}
			if s.OwnVal && c.Flags().Changed("val-fraction") && o.ValFraction > 0 {
				fmt.Fprintf(results, "--val-fraction %v was not used: the source has a validation split\n", o.ValFraction)
			}
			return printPrepared(out, s, time.Since(began))
		},
	}
	f := c.Flags()
	for _, s := range o.Settings.List() {
		name := strings.TrimPrefix(s.Flag(), "--")
		switch v := s.Value.(type) {
		case *string:
			f.StringVar(v, name, *v, s.Use)
		case *[]string:
			if s.Key == "classes" {
				f.StringVar(&classes, name, "", s.Use+"; with commas between, or @FILE with one a line")
			} else {
				f.StringSliceVar(v, name, nil, s.Use+"; with commas between")
			}
		case *int:
			f.IntVar(v, name, *v, s.Use)
		case *uint64:
			f.Uint64Var(v, name, *v, s.Use)
		case *float64:
			f.Float64Var(v, name, *v, s.Use)
		case *bool:
			f.BoolVar(v, name, *v, s.Use)
		}
	}
	f.IntVar(&o.Workers, "workers", 0, "threads that decode; 0: one a core")
	f.BoolVar(&o.Restart, "restart", false, "discard what an interrupted run with other options left")
	return c
}

// badFlag says of a setting that is impossible which flag gave it.
func badFlag(err error) error {
	if bad, is := errors.AsType[*invalid.Error](err); is {
		return usage("%s %s", prepare.Setting{Key: bad.Key}.Flag(), bad.Why)
	}
	return &usageError{err}
}

// An interruption is the end of a preparation that a signal ended.
type interruption struct{ error }

func (e *interruption) Unwrap() error { return e.error }

func (e *interruption) Error() string {
	if errors.Is(e.error, prepare.ErrKept) {
		return "interrupted: " + prepare.ErrKept.Error()
	}
	return "interrupted before anything was finished: the same command begins anew"
}

// stopped says of a canceled preparation what a user wants to know; other errors are as they are.
func stopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return &interruption{err}
	}
	return err
}

// readClassList reads "a,b,c", or the lines of @FILE; what follows a tab on a line is a comment, as in classes.txt.
func readClassList(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	separator := ","
	if path, is := strings.CutPrefix(text, "@"); is {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--classes: %w", err)
		}
		// without the mark that some editors begin a file with
		text, separator = strings.TrimPrefix(string(data), "\ufeff"), "\n"
	}
	var classes []string
	for name := range strings.SplitSeq(text, separator) {
		name, _, _ = strings.Cut(name, "\t")
		if name = strings.TrimSpace(name); name != "" {
			classes = append(classes, name)
		}
	}
	if len(classes) == 0 {
		return nil, fmt.Errorf("--classes names no class: want ids or names with commas between, or @FILE with one a line")
	}
	return classes, nil
}

// shownNotes is how many notes are printed.
const shownNotes = 5

func printPrepared(out string, s prepare.Summary, took time.Duration) error {
	fmt.Fprintf(results, "%s: %s, %d training and %d validation images of %d x %d in %d classes, %s\n", out, s.Kind,
		s.Train, s.Val, s.Size, s.Size, len(s.Classes), metrics.FormatBytes(uint64(s.Bytes)))
	if s.Decoded > 0 {
		fmt.Fprintf(results, "%s images/s in %s", metrics.FormatRate(float64(s.Decoded)/took.Seconds()),
			metrics.FormatDuration(took))
		if s.Earlier > 0 {
			fmt.Fprintf(results, ", after %d that an interrupted run had done", s.Earlier)
		}
		fmt.Fprintln(results)
	}
	if s.Val == 0 {
		fmt.Fprintln(results, "no validation images: a training that validates wants some, such as --val-fraction 0.1")
	}
	for i, note := range s.Notes {
		if i == shownNotes {
			fmt.Fprintf(results, "and %d notes more\n", len(s.Notes)-i)
			break
		}
		fmt.Fprintf(results, "not used: %s\n", note)
	}
	if n := len(s.Rejected); n > 0 {
		fmt.Fprintf(results, "rejected %s, see %s/rejected.csv; the first: %s: %s\n", counted(n, "file"), out,
			s.Rejected[0].File, s.Rejected[0].Cause)
	}
	return nil
}
