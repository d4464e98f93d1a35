package limits

import (
	"cmp"
	"slices"

	"duet/engine/plan"
)

// What limits a step.
const (
	Arithmetic = "arithmetic"
	Memory     = "memory"
	Link       = "link" // between devices
)

// Step is what a step of a plan computes and moves, and how long that takes at least.
type Step struct {
	Index  int     `json:"index"`
	Device string  `json:"device"`
	Layer  string  `json:"layer"`
	Op     string  `json:"op"`
	Pass   string  `json:"pass"` // forward, backward or update
	FLOPs  float64 `json:"flops"`
	Bytes  int64   `json:"bytes"`
	MS     float64 `json:"ms"`
	By     string  `json:"by"`    // Arithmetic, Memory or Link; empty where a rate is not known
	Share  float64 `json:"share"` // of what its device takes
}

// Operation is all steps of an operation.
type Operation struct {
	Op    string  `json:"op"`
	Steps int     `json:"steps"`
	FLOPs float64 `json:"flops"`
	Bytes int64   `json:"bytes"`
	MS    float64 `json:"ms"`
	Share float64 `json:"share"` // of what all devices take
}

// Device is what a device takes for its steps, one after the other.
type Device struct {
	Name string  `json:"name"`
	MS   float64 `json:"ms"`
}

// Report is what a card allows for a plan.
type Report struct {
	Card            Card        `json:"card"`
	Precision       string      `json:"precision"`
	Batch           int         `json:"batch"`
	Steps           []Step      `json:"steps"`
	Operations      []Operation `json:"operations"` // the longest first
	Devices         []Device    `json:"devices"`
	MS              float64     `json:"ms"` // of the device that takes longest: devices work side by side
	ImagesPerSecond float64     `json:"images_per_second"`
}

// Limit is the least time of a step on the card, in milliseconds, and what it is due to: Arithmetic, Memory or Link. It
// is 0 and empty where the card's rate is not known.
func (c Card) Limit(s plan.Step, precision string) (ms float64, by string) {
	bytes := float64(s.Moved.Bytes(precision))
	if s.Kernel == plan.Copy {
		return limit(bytes, c.Link, Link)
	}
	ms, by = limit(bytes, c.DRAM, Memory)
	if s.FLOPs == 0 {
		return ms, by
	}
	switch computing, _ := limit(s.FLOPs, c.peak(precision), Arithmetic); {
	case computing == 0:
		return 0, ""
	case computing > ms:
		return computing, Arithmetic
	}
	return ms, by
}

func limit(amount, perSecond float64, by string) (float64, string) {
	if perSecond == 0 {
		return 0, ""
	}
	return amount / perSecond * 1000, by
}

// Of counts the steps of a plan, in a precision and for a batch of that many images.
func (c Card) Of(steps []plan.Step, precision string, batch int) Report {
	r := Report{Card: c, Precision: cmp.Or(precision, "fp32"), Batch: batch}
	takes := map[string]float64{}
	operations := map[string]*Operation{}
	whole := 0.
	for _, s := range steps {
		one := Step{Index: s.Index, Device: s.Device, Layer: s.Layer, Op: s.Op, Pass: s.Pass(), FLOPs: s.FLOPs,
			Bytes: s.Moved.Bytes(precision)}
		one.MS, one.By = c.Limit(s, precision)
		r.Steps = append(r.Steps, one)
		if _, seen := takes[s.Device]; !seen {
			r.Devices = append(r.Devices, Device{Name: s.Device})
		}
		takes[s.Device] += one.MS
		o := operations[s.Op]
		if o == nil {
			o = &Operation{Op: s.Op}
			operations[s.Op] = o
		}
		o.Steps, o.FLOPs, o.Bytes, o.MS = o.Steps+1, o.FLOPs+one.FLOPs, o.Bytes+one.Bytes, o.MS+one.MS
		whole += one.MS
	}
	for i := range r.Steps {
		r.Steps[i].Share = share(r.Steps[i].MS, takes[r.Steps[i].Device])
	}
	for i, d := range r.Devices {
		r.Devices[i].MS = takes[d.Name]
		r.MS = max(r.MS, takes[d.Name])
	}
	for _, o := range operations {
		o.Share = share(o.MS, whole)
		r.Operations = append(r.Operations, *o)
	}
	slices.SortFunc(r.Operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(b.MS, a.MS), cmp.Compare(a.Op, b.Op))
	})
	slices.SortFunc(r.Devices, func(a, b Device) int { return cmp.Compare(a.Name, b.Name) })
	if r.MS > 0 {
		r.ImagesPerSecond = float64(batch) / r.MS * 1000
	}
	return r
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
