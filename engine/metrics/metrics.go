// Package metrics records how a training run goes: metrics.jsonl for programs, a progress bar or plain lines for
// people, and log.txt for what happened when.
package metrics

import (
	"bytes"
	"encoding/json"
	"math"
)

// Step is what one training step measured. Losses are means over the batch, in nats; errors are fractions of 1.
type Step struct {
	Step            uint64  // steps that are done, this one included
	Epoch           float64 // passes over the training set that are done
	Loss            float64
	LearningRate    float64
	ImagesPerSecond float64

	TrainTop1Error Optional
	DataWaitMS     Optional // milliseconds that a step waited for its batch, mean since the line before
	DataReady      Optional // share of the batches since the line before that were ready when they were asked for
	DeviceBytes    Optional // memory in use on all devices together
}

// Validation is the result of one pass over the validation set after a step.
type Validation struct {
	Step      uint64
	Epoch     float64
	Loss      float64
	Top1Error float64
	Top5Error float64

	Images  Optional // images that were looked at
	Classes int      // of the network; 0 where unknown, as in what is read from the file
}

// Number is a number in JSON, which has no NaN and no infinity: they are null there, as in metrics.jsonl.
type Number float64

// MarshalJSON writes a number, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if x := float64(n); math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads a number, or null as NaN.
func (n *Number) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Optional is a number that is not always measured; one that is not set is left out of the file.
type Optional struct {
	Value float64
	Set   bool
}

// Of is a number that was measured.
func Of(x float64) Optional { return Optional{Value: x, Set: true} }

// UnmarshalJSON reads a number, or null as NaN: the file's form of NaN and the infinities.
func (o *Optional) UnmarshalJSON(b []byte) error {
	o.Set = true
	return (*Number)(&o.Value).UnmarshalJSON(b)
}
