package main

import (
	"errors"

	"duet/engine/model"

	"github.com/spf13/cobra"
)

func planCommand() *cobra.Command {
	var dot, asJSON, test bool
	var o modelFlags
	c := &cobra.Command{
		Use:   "plan CONFIG",
		Short: "Show the compiled plan of a network",
		Long: `Plan prints every step of a training step in order: device, layer, operation, shapes, bytes, kernel, and the steps of other
devices that it waits for; then the memory on each device, and what crosses between devices.`,
		Example: `  duet plan configs/alexnet.toml --devices dnnl:0,dnnl:1
  duet plan configs/cifar10.toml --dot | dot -Tsvg > plan.svg`,
		Args: args(cobra.ExactArgs(1)),
	}
	sets := overrides(c)
	c.RunE = func(c *cobra.Command, given []string) (err error) {
		config, err := o.config(given[0], *sets)
		if err != nil {
			return err
		}
		purpose := model.ForBench
		if test {
			purpose = model.ForTesting
		}
		m, err := newModel(c.Context(), config, model.RandomInput(config.Data, classesOf(config)), purpose)
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
			return printJSON(report)
		case dot:
			return report.WriteDot(results)
		}
		return report.WriteText(results)
	}
	c.Flags().BoolVar(&dot, "dot", false, "print a Graphviz graph")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&test, "test", false, "the plan of testing, not of training")
	o.add(c, "those of the configuration")
	return c
}
