package tensorboard

import (
	"bytes"
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of tensorflow/core/util/event.proto and framework/{summary,tensor,tensor_shape,types}.proto, as far as
// they are written here: the numbers of their fields.
const (
	eventTime, eventStep, eventVersion, eventSummary, eventSession = 1, 2, 3, 5, 7

	summaryValue                                    = 1
	valueTag, valueScalar, valueTensor, valueAbout  = 1, 2, 8, 9
	aboutPlugin, aboutDescription, pluginName       = 1, 3, 1
	tensorType, tensorShape, tensorBytes, tensorStr = 1, 2, 4, 8
	shapeDim, dimSize                               = 2, 1
	typeDouble, typeString                          = 2, 7
	sessionStatus, sessionStart                     = 1, 1
)

// version is what every file begins with.
const version = "brain.Event:2"

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), message)
}

func appendNumber(b []byte, field protowire.Number, x uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), x)
}

// event is the message of a point in time, seconds since 1970, with one field more.
func event(at float64, step uint64, field protowire.Number, message []byte) []byte {
	b := protowire.AppendFixed64(protowire.AppendTag(nil, eventTime, protowire.Fixed64Type), math.Float64bits(at))
	return appendMessage(appendNumber(b, eventStep, step), field, message)
}

// appendScalar appends to a summary a number, which the format has as float32.
func appendScalar(summary []byte, tag string, x float64) []byte {
	value := appendMessage(make([]byte, 0, 64), valueTag, []byte(tag))
	value = protowire.AppendTag(value, valueScalar, protowire.Fixed32Type)
	value = protowire.AppendFixed32(value, math.Float32bits(float32(x)))
	return appendMessage(summary, summaryValue, value)
}

// appendTensor appends to a summary a tensor for one of TensorBoard's plugins. The description is Markdown.
func appendTensor(summary []byte, tag, plugin, description string, tensor []byte) []byte {
	about := appendMessage(nil, aboutPlugin, appendMessage(nil, pluginName, []byte(plugin)))
	if description != "" {
		about = appendMessage(about, aboutDescription, []byte(description))
	}
	value := appendMessage(nil, valueTag, []byte(tag))
	value = appendMessage(value, valueTensor, tensor)
	return appendMessage(summary, summaryValue, appendMessage(value, valueAbout, about))
}

func tensor(dtype uint64, shape ...int) []byte {
	var dims []byte
	for _, n := range shape {
		dims = appendMessage(dims, shapeDim, appendNumber(nil, dimSize, uint64(n)))
	}
	return appendMessage(appendNumber(nil, tensorType, dtype), tensorShape, dims)
}

// doubles is a tensor [len(rows), 3].
func doubles(rows [][3]float64) []byte {
	var b []byte
	for _, row := range rows {
		for _, x := range row {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return appendMessage(tensor(typeDouble, len(rows), 3), tensorBytes, b)
}

// texts is a tensor of strings.
func texts(shape []int, all ...string) []byte {
	b := tensor(typeString, shape...)
	for _, s := range all {
		b = appendMessage(b, tensorStr, []byte(s))
	}
	return b
}

// glance reads an event's step and whether it is that of a checkpoint, by the first tag in it. Of what is no event both
// are zero.
func glance(event []byte) (step uint64, ofCheckpoint bool) {
	if number, ok := field(event, eventStep); ok {
		step, _ = protowire.ConsumeVarint(number)
	}
	at := event
	for _, f := range []protowire.Number{eventSummary, summaryValue, valueTag} {
		whole, ok := field(at, f)
		if !ok {
			return step, false
		}
		at, _ = protowire.ConsumeBytes(whole)
	}
	return step, bytes.HasPrefix(at, []byte(weightTags)) || bytes.HasPrefix(at, []byte(velocityTags))
}

// field finds the first field of a number in a message, and gives what follows its tag.
func field(message []byte, number protowire.Number) ([]byte, bool) {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil, false
		}
		message = message[size:]
		if n == number {
			return message, true
		}
		if size = protowire.ConsumeFieldValue(n, kind, message); size < 0 {
			return nil, false
		}
		message = message[size:]
	}
	return nil, false
}
