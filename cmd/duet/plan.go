package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"duet/engine/limits"
	"duet/engine/model"
	"duet/engine/plan"
)

func planCommand() *cobra.Command {
	var dot, asJSON, test bool
	var card string
	var o modelFlags
	c := &cobra.Command{
		Use:   "plan CONFIG",
		Short: "Show the compiled plan of a network",
		Long: `Plan prints the layers of a network, the same wherever they run: what each gives for an image, its
parameters, its additions and multiplications forward, and the bytes of what it gives for a batch and of its weights.

Then it prints every step of a training step in order: device, layer, operation, shapes, bytes, kernel, and the steps of
other devices that it waits for; then the memory on each device, and what crosses between devices:

  state                parameters and velocities: what outlives a step
  arena                what lives within a step; tensors take the place of those that nothing reads any more
  arena without reuse  what the arena would be if each tensor had a place of its own
  inputs and outputs   batches, the mean, the loss
  waits for            steps of other devices that must be done first: what they write is read here, or what they
                       read is overwritten

With --limits it prints instead what a GPU, which need not be here, allows at best: the operations and the bytes of each
step, how long the card's arithmetic or its memory takes for them, whichever is longer, and the sum.`,
		Example: `  duet plan configs/alexnet.toml --devices dnnl:0,dnnl:1
  duet plan configs/cifar10.toml --dot | dot -Tsvg > plan.svg
  duet plan configs/alexnet.toml --devices cuda:0 --precision bf16 --limits h100`,
		Args: args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) (err error) {
		config, err := o.config(given[0], *sets)
		if err != nil {
			return err
		}
		config.Devices.Tune, config.Devices.Wishes = false, true // nothing is trained
		purpose := model.ForBench
		if test {
			purpose = model.ForTesting
		}
		in := model.RandomInput(config.Data, classesOf(config))
		if card != "" {
			if dot {
				return usage("--%s has no --dot: want --json, or none of the two", limitsFlag)
			}
			return planLimits(config, in, card, test, asJSON)
		}
		layers, err := config.Setup().Layers(in)
		if err != nil {
			return err
		}
		m, err := newModel(c.Context(), config, in, purpose)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		compiled := m.Training()
		if test {
			compiled = m.Testing()
		}
		report := compiled.Report()
		switch {
		case asJSON:
			return printJSON(struct {
				Layers []model.Layer `json:"layers"`
				plan.Report
			}{layers, report})
		case dot:
			return report.WriteDot(results)
		}
		if err := model.WriteLayers(results, layers); err != nil {
			return err
		}
		fmt.Fprintln(results)
		return report.WriteText(results)
	}
	c.Flags().BoolVar(&dot, "dot", false, "print a Graphviz graph")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&card, limitsFlag, "", "print what a card allows at best: "+strings.Join(limits.Names(), ", "))
	c.Flags().BoolVar(&test, "test", false, "the plan of testing, not of training")
	o.add(c, "those of the configuration")
	return c
}
