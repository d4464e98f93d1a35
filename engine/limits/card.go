// Package limits says what a GPU allows at best: how long each step of a plan takes where the arithmetic runs at the
// card's peak, or where its memory gives and takes every operand once at its full rate, whichever is longer. Only a
// kernel whose operands still lie in the card's cache is faster.
package limits

import (
	"strings"

	"duet/engine/backend"
)

// Card is what a GPU can do at best. A rate of 0 is not known.
type Card struct {
	Name string  `json:"name"` // such as h100
	FP32 float64 `json:"fp32"` // operations a second outside of tensor cores
	TF32 float64 `json:"tf32"` // on tensor cores, without sparsity
	BF16 float64 `json:"bf16"` // the same
	DRAM float64 `json:"dram"` // bytes a second, of reads and writes together
	Link float64 `json:"link"` // bytes a second of copies to another device: by NVLink, one way
}

// cards are those that have a name.
//
// Sources: NVIDIA A100 Tensor Core GPU data sheet, 80 GB SXM; NVIDIA H100 Tensor Core GPU Architecture, version 1.04,
// and its data sheet, SXM5; NVIDIA H200 data sheet, SXM, whose arithmetic is the H100's.
var cards = []Card{
	{"a100", 19.5e12, 156e12, 312e12, 2.039e12, 300e9},
	{"h100", 66.9e12, 494.7e12, 989.4e12, 3.35e12, 450e9},
	{"h200", 66.9e12, 494.7e12, 989.4e12, 4.8e12, 450e9},
}

// Names are the cards that Find knows.
func Names() (names []string) {
	for _, c := range cards {
		names = append(names, c.Name)
	}
	return names
}

// Find is the card of a name.
func Find(name string) (c Card, ok bool) {
	for _, c := range cards {
		if c.Name == name {
			return c, true
		}
	}
	return Card{}, false
}

// Of is a device's own card: its memory as its driver tells of it, its arithmetic where it is one of the known cards in
// the form that these have. It is false of a device that does not tell of its memory, such as a CPU.
func Of(info backend.Info) (c Card, ok bool) {
	c = Card{Name: info.Name, DRAM: info.Bandwidth}
	model, _, _ := strings.Cut(info.Description, ",")
	model = strings.ToLower(model)
	for _, known := range cards {
		slower := strings.Contains(model, "pcie") || strings.Contains(model, "nvl") || strings.Contains(model, "mig")
		if strings.Contains(model, known.Name) && !slower {
			known.DRAM = c.DRAM
			c = known
		}
	}
	return c, c.DRAM > 0
}

// Within is the card when all devices are this one: what is copied between them, its memory gives and takes.
func (c Card) Within() Card {
	c.Link = c.DRAM / 2
	return c
}

// peak is the rate of convolutions and linear layers in a precision.
func (c Card) peak(precision string) float64 {
	switch precision {
	case "", "fp32":
		return c.FP32
	case "tf32":
		return c.TF32
	case "bf16":
		return c.BF16
	}
	return 0
}
