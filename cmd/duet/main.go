// Command duet trains the two-tower AlexNet of 2012, and its relatives, on GPUs or on a CPU.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"duet"
	"duet/engine/backend"
	"duet/engine/model"
	"duet/engine/train"
)

// Exit statuses; 128 plus its number for a signal.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run()) }

func run() int {
	ctx, caught := withSignals(context.Background())
	command, err := rootCommand().ExecuteContextC(ctx)
	if failed := results.close(); failed != nil && !errors.Is(err, failed) {
		err = errors.Join(err, failed)
	}
	if err == nil {
		return exitDone
	}
	err = onWhatThereIs(err, command, os.Args)
	tell("duet: %s", strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted"))
	if s := caught(); s != 0 && (errors.Is(err, context.Canceled) || isInterrupted(err)) {
		return 128 + s
	}
	if isUsage(err) {
		if _, ok := errors.AsType[*usageError](err); ok {
			fmt.Fprintf(os.Stderr, "usage: %s\n", command.UseLine())
		}
		return exitUsage
	}
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "duet",
		Short: "Train the two-GPU AlexNet of 2012 and its relatives",
		Long: "duet trains the two-tower AlexNet of 2012, and its relatives, on two GPUs, on one, or on a CPU, " +
			"from one TOML file.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          args(cobra.NoArgs),
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(results)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(trainCommand(), importCommand(), averageCommand(), evalCommand(), predictCommand(),
		prepareCommand(), dataCommand(), benchCommand(), planCommand(), showCommand(), featuresCommand(),
		plotCommand(), runsCommand(), boardCommand(), exportCommand(), devicesCommand(), lrfindCommand(),
		gradcheckCommand(), versionCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// usageError is a wrong command line.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// configError is a configuration that cannot be read or is impossible.
type configError struct{ error }

func (e *configError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// isUsage says whether the user asked for something impossible, rather than that something failed.
func isUsage(err error) bool {
	var u *usageError
	var c *configError
	return errors.As(err, &u) || errors.As(err, &c) || errors.Is(err, backend.ErrUnknownDevice) ||
		errors.Is(err, train.ErrExists) ||
		errors.Is(err, train.ErrNoRun) || errors.Is(err, train.ErrFixed) || errors.Is(err, train.ErrPrecision)
}

func isInterrupted(err error) bool {
	var i *train.Interrupted
	return errors.As(err, &i)
}

// args wraps cobra's checks of the number of arguments, so that they count as wrong usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		_, wanted, _ := strings.Cut(c.Use, " ")
		switch {
		case check(c, given) == nil:
			return nil
		case c.HasSubCommands():
			return usage("unknown command %q: %s", given[0], commandsFor(c, given[0]))
		case len(given) == 1:
			return usage("1 argument, want %s", cmp.Or(wanted, "none"))
		}
		return usage("%d arguments, want %s", len(given), cmp.Or(wanted, "none"))
	}
}

// commandsFor says which command of c was probably meant, or which there are.
func commandsFor(c *cobra.Command, word string) string {
	c.SuggestionsMinimumDistance = 2 // in letters
	if near := c.SuggestionsFor(word); len(near) > 0 {
		return fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	}
	var names []string
	for _, one := range c.Commands() {
		if one.IsAvailableCommand() {
			names = append(names, one.Name())
		}
	}
	return "want one of " + strings.Join(names, ", ")
}

// overrides is the --set flag of commands that read a configuration.
func overrides(c *cobra.Command) *[]string {
	return c.Flags().StringArray("set", nil, "override a key: --set train.batch=64 (repeatable)")
}

// load reads a configuration, a file or the name of a built-in one, and tells its notes.
func load(path string, sets []string) (*train.Config, error) {
	return told(duet.Load(path, sets...))
}

// told is a configuration whose notes were told.
func told(c *train.Config, err error) (*train.Config, error) {
	if err != nil {
		return nil, &configError{err}
	}
	for _, note := range c.Notes {
		tell("note: %s", note)
	}
	return c, nil
}

// newModel chooses devices where that is open, opens them and compiles a network's plans. It shows how far it is
// where that takes time, as where kernels are measured, and ends with ctx.
func newModel(ctx context.Context, c *train.Config, in model.Input, purpose model.Purpose) (*model.Model, error) {
	if err := c.Devices.Resolve(c.Network.MaxDevices(), newDisplay().hooks().Note); err != nil {
		return nil, err
	}
	progress := newCounter(os.Stderr, "preparing "+c.Network.Title(), "kernels").patient()
	defer progress.close()
	setup, hooks := c.Setup(), model.Hooks{Log: progress.log, Prepared: progress.show}
	note := func(line string) { progress.log("note: " + line) }
	if err := setup.Place(ctx, in, note, hooks); err != nil {
		return nil, err
	}
	c.Devices = setup.Devices
	return model.New(ctx, setup, in, purpose, hooks)
}
