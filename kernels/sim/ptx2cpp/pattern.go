package main

import (
	"slices"
	"strings"
)

// pattern is the modifiers that an instruction takes, in the order in which PTX has them.
type pattern []choice

// choice is modifiers of which one stands there, or none where it may be left out.
type choice struct {
	of       []string
	optional bool
}

// compile reads a pattern: "rn|rz? ftz? f32|f64" is an optional rounding, an optional ftz and one of two types.
func compile(text string) pattern {
	var p pattern
	for _, word := range strings.Fields(text) {
		of, optional := strings.CutSuffix(word, "?")
		p = append(p, choice{strings.Split(of, "|"), optional})
	}
	return p
}

// match gives the modifier of each choice, empty for one left out. All modifiers must have been taken.
func (p pattern) match(modifiers []string) ([]string, bool) {
	got := make([]string, len(p))
	n := 0
	for i, c := range p {
		switch {
		case n < len(modifiers) && slices.Contains(c.of, modifiers[n]):
			got[i] = modifiers[n]
			n++
		case !c.optional:
			return nil, false
		}
	}
	return got, n == len(modifiers)
}
