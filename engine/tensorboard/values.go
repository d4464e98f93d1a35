package tensorboard

import (
	"bytes"
	"image/png"
	"strconv"
	"strings"
	"sync"

	"duet/engine/checkpoint"
	"duet/engine/look"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/engine/op"
)

// Tags, the names of what is shown, begin with what TensorBoard groups them by.
const (
	stepTags       = "train/"
	validationTags = "validation/"
	weightTags     = "weights/"
	velocityTags   = "velocity/"
	gradientTags   = "gradients/"
	filterTags     = "filters/"
	configTag      = "configuration"
)

// What TensorBoard says beside a histogram.
const (
	velocityIs = "What the last step added to the weights: momentum × velocity − rate × (gradient + weight decay × " +
		"weight)."
	gradientIs = "Of the last step: the mean over its batch, without weight decay. A checkpoint has none; they are " +
		"what the step made of the velocities, which `duet train --tensorboard` looks at before and after it."
)

// pixels is how many a weight of a filter has on each side.
const pixels = 4

// ofStep is the summary of what a step measured, under the keys of metrics.jsonl.
func ofStep(s metrics.Step) []byte {
	b := appendScalar(nil, stepTags+"epoch", s.Epoch)
	b = appendScalar(b, stepTags+"loss", s.Loss)
	b = appendScalar(b, stepTags+"learning_rate", s.LearningRate)
	b = appendScalar(b, stepTags+"images_per_second", s.ImagesPerSecond)
	b = appendOptional(b, stepTags+"top1_error", s.TrainTop1Error)
	b = appendOptional(b, stepTags+"data_wait_ms", s.DataWaitMS)
	b = appendOptional(b, stepTags+"data_ready", s.DataReady)
	return appendOptional(b, stepTags+"device_bytes", s.DeviceBytes)
}

func appendOptional(summary []byte, tag string, x metrics.Optional) []byte {
	if !x.Set {
		return summary
	}
	return appendScalar(summary, tag, x.Value)
}

func ofValidation(v metrics.Validation) []byte {
	b := appendScalar(nil, validationTags+"loss", v.Loss)
	b = appendScalar(b, validationTags+"top1_error", v.Top1Error)
	return appendScalar(b, validationTags+"top5_error", v.Top5Error)
}

// ofConfig is a configuration as a text that TensorBoard does not take for Markdown.
func ofConfig(toml string) []byte {
	return appendTensor(nil, configTag, "text", "", texts(nil, "    "+strings.ReplaceAll(toml, "\n", "\n    ")))
}

// ofCheckpoint is what a checkpoint shows: histograms of the weights and their velocities, and the filters of the first
// convolution, where the network has one. s is the setup that it was trained with. The gradients come from elsewhere.
func ofCheckpoint(s model.Setup, f *checkpoint.File, gradients []checkpoint.Tensor) (summary []byte, err error) {
	type shown struct {
		tag, about string
		numbers    []float32
		counts     [][3]float64
	}
	var all []shown
	hasFilters := false
	for _, t := range f.Tensors {
		if name, is := strings.CutPrefix(t.Name, op.VelocityPrefix); is {
			all = append(all, shown{velocityTags + name, velocityIs, t.Data, nil})
		} else if _, learns := f.Tensor(op.VelocityPrefix + t.Name); learns { // not the mean of the images
			all = append(all, shown{weightTags + t.Name, "", t.Data, nil})
			hasFilters = hasFilters || len(t.Shape) == 4
		}
	}
	for _, t := range gradients {
		all = append(all, shown{gradientTags + t.Name, gradientIs, t.Data, nil})
	}
	var counting sync.WaitGroup
	for i := range all {
		counting.Go(func() { all[i].counts = histogram(all[i].numbers) })
	}
	counting.Wait()
	for _, x := range all {
		if x.counts != nil {
			summary = appendTensor(summary, x.tag, "histograms", x.about, doubles(x.counts))
		}
	}
	if !hasFilters {
		return summary, nil
	}
	in, err := model.InputFrom(f)
	if err != nil {
		return nil, err
	}
	x, err := look.ReadFilters(s, in, f, "")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	m := x.Image(pixels)
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		return nil, err
	}
	size := m.Bounds().Size()
	image := texts([]int{3}, strconv.Itoa(size.X), strconv.Itoa(size.Y), b.String())
	return appendTensor(summary, filterTags+x.Layer, "images", "", image), nil
}
