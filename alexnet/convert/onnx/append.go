package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

func appendBytes(b []byte, field protowire.Number, x []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), x)
}

func appendString(b []byte, field protowire.Number, x string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), x)
}

// appendName is appendString of a text that is not there if it is empty.
func appendName(b []byte, field protowire.Number, x string) []byte {
	if x == "" {
		return b
	}
	return appendString(b, field, x)
}

func appendInt(b []byte, field protowire.Number, x int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(x))
}

func appendFloat(b []byte, field protowire.Number, x float32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(b, field, protowire.Fixed32Type), math.Float32bits(x))
}
