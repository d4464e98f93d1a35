package main

import (
	"strings"

	"duet/engine/backend"
	"duet/engine/limits"
	"duet/engine/model"
	"duet/engine/train"
)

// limitsFlag is the name of the flag.
const limitsFlag = "limits"

// cardOf is the card of a name.
func cardOf(name string) (limits.Card, error) {
	card, ok := limits.Find(name)
	if !ok {
		return card, usage("--%s %s, want one of %s", limitsFlag, name, strings.Join(limits.Names(), ", "))
	}
	return card, nil
}

// among is a card as it copies between devices of these names.
func among(card limits.Card, devices []string) limits.Card {
	if len(devices) == 2 && devices[0] == devices[1] {
		return card.Within()
	}
	return card
}

// planLimits prints what a card allows for the plan of training, or of testing. Of the configuration's devices only
// their number counts; they need not be there.
func planLimits(config *train.Config, in model.Input, name string, test, asJSON bool) error {
	card, err := cardOf(name)
	if err != nil {
		return err
	}
	setup := config.Setup()
	for i, d := range setup.Devices.Towers {
		switch kind, _, _ := strings.Cut(d, ":"); {
		case d == backend.Auto:
			setup.Devices.Towers = []string{"cuda:0"}
			tell("note: devices auto: taking one card, cuda:0")
		case kind != "cuda":
			return usage("--%s %s is of GPUs, but devices.towers[%d] is %q: want cuda:0, or cuda:0,cuda:1", limitsFlag,
				name, i, d)
		}
	}
	if setup.Devices.Precision == "fp64" {
		return usage("--%s %s with fp64: want a precision in which GPUs train here, such as fp32 or bf16", limitsFlag, name)
	}
	steps, err := setup.Outline(in, !test)
	if err != nil {
		return err
	}
	report := among(card, setup.Devices.Towers).Of(steps, setup.Devices.Precision, setup.Batch)
	if asJSON {
		return printJSON(report)
	}
	return report.WriteText(results)
}
