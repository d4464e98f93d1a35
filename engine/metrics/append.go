package metrics

import (
	"math"
	"strconv"
)

// appendStep appends s as one line of JSON.
func appendStep(b []byte, s *Step) []byte {
	b = append(b, `{"step":`...)
	b = strconv.AppendUint(b, s.Step, 10)
	b = appendField(b, "epoch", s.Epoch)
	b = appendField(b, "loss", s.Loss)
	b = appendField(b, "learning_rate", s.LearningRate)
	b = appendField(b, "images_per_second", s.ImagesPerSecond)
	b = appendOptional(b, "train_top1_error", s.TrainTop1Error)
	b = appendOptional(b, "data_wait_ms", s.DataWaitMS)
	b = appendOptional(b, "data_ready", s.DataReady)
	b = appendOptional(b, "device_bytes", s.DeviceBytes)
	return append(b, "}\n"...)
}

// appendValidation appends v as one line of JSON.
func appendValidation(b []byte, v *Validation) []byte {
	b = append(b, `{"step":`...)
	b = strconv.AppendUint(b, v.Step, 10)
	b = appendField(b, "epoch", v.Epoch)
	b = appendField(b, "val_loss", v.Loss)
	b = appendField(b, "val_top1_error", v.Top1Error)
	b = appendField(b, "val_top5_error", v.Top5Error)
	b = appendOptional(b, "images", v.Images)
	return append(b, "}\n"...)
}

// appendField appends a key and a number in the shortest form that reads back exactly. JSON has no NaN and no infinity;
// they become null, which the usual readers turn into a missing number without changing the type of the column.
func appendField(b []byte, key string, x float64) []byte {
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	switch abs := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return append(b, "null"...)
	case abs == 0 || abs >= 1e-6 && abs < 1e21: // no exponent where people do not expect one
		return strconv.AppendFloat(b, x, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, x, 'e', -1, 64)
}

func appendOptional(b []byte, key string, x Optional) []byte {
	if !x.Set {
		return b
	}
	return appendField(b, key, x.Value)
}
