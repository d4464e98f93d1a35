package metrics

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// record is any line of the file.
type record struct {
	Step            *uint64  `json:"step"`
	Epoch           Optional `json:"epoch"`
	Loss            Optional `json:"loss"`
	LearningRate    Optional `json:"learning_rate"`
	ImagesPerSecond Optional `json:"images_per_second"`
	TrainTop1Error  Optional `json:"train_top1_error"`
	DataWaitMS      Optional `json:"data_wait_ms"`
	DataReady       Optional `json:"data_ready"`
	DeviceBytes     Optional `json:"device_bytes"`
	ValLoss         Optional `json:"val_loss"`
	ValTop1Error    Optional `json:"val_top1_error"`
	ValTop5Error    Optional `json:"val_top5_error"`
	Images          Optional `json:"images"`

	step uint64 // what Step points at, where no other place is needed
}

// Read gives the steps and validations of a metrics file in the order of the file; null reads as NaN. An end that was
// not written whole is passed over, as is a line that is neither a step nor a validation; any other is an error with
// its number.
func Read(path string) (steps []Step, validations []Validation, err error) {
	_, err = scan(path, func(_ []byte, r *record) error {
		switch {
		case r.Loss.Set:
			steps = append(steps, r.asStep())
		case r.ValLoss.Set:
			validations = append(validations, r.asValidation())
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("metrics: %w", err)
	}
	return steps, validations, nil
}

func (r *record) asStep() Step {
	return Step{
		Step: *r.Step, Epoch: r.Epoch.Value, Loss: r.Loss.Value, LearningRate: r.LearningRate.Value,
		ImagesPerSecond: r.ImagesPerSecond.Value, TrainTop1Error: r.TrainTop1Error, DataWaitMS: r.DataWaitMS,
		DataReady: r.DataReady, DeviceBytes: r.DeviceBytes,
	}
}

func (r *record) asValidation() Validation {
	return Validation{
		Step: *r.Step, Epoch: r.Epoch.Value, Loss: r.ValLoss.Value, Top1Error: r.ValTop1Error.Value,
		Top5Error: r.ValTop5Error.Value, Images: r.Images,
	}
}

// scan calls f for each whole line, the newline included. Torn tells that the file ends in something else: half a line,
// or after a power cut lines of zeros. Such lines before a whole one are an error.
func scan(path string, f func(line []byte, r *record) error) (torn bool, err error) {
	in, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer in.Close()
	var bad error
	buf := bufio.NewReaderSize(in, 1<<16)
	for number := 1; ; number++ {
		line, err := buf.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if errors.Is(err, io.EOF) {
			return bad != nil || len(line) > 0, nil
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r record
		err = parse(line, &r)
		if err != nil && bad == nil {
			bad = fmt.Errorf("%s: line %d is not a line of metrics: %w", path, number, err)
		}
		if err != nil {
			continue
		}
		if bad != nil {
			return false, bad
		}
		if err := f(line, &r); err != nil {
			return false, err
		}
	}
}
