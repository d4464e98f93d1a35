package export

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"duet/engine/checkpoint"
	"duet/engine/model"
	"duet/internal/disk"
	"duet/internal/half"
)

// Safetensors writes the weights and the mean as a safetensors file: under the names of checkpoints, without
// velocities. Whatever fails, or ends ctx, there is no file.
func (n *Network) Safetensors(ctx context.Context, path string) (r Result, err error) {
	if err := Free(path); err != nil {
		return r, err
	}
	tensors, err := n.tensors()
	if err == nil && n.Names == TorchvisionNames {
		tensors, err = n.renamed(tensors)
	}
	if err != nil {
		return r, err
	}
	r.Parameters = count(tensors)
	return r, disk.ReplaceBy(path, func(f *os.File) error { return n.write(ctx, f, tensors) })
}

// tensors are the mean and the weights, in the order of the layers.
func (n *Network) tensors() ([]checkpoint.Tensor, error) {
	g, err := n.graph(false)
	if err != nil {
		return nil, err
	}
	all := []checkpoint.Tensor{{Name: model.InputMean, Shape: n.Input.MeanShape, Data: n.Input.Mean}}
	for _, p := range g.Params {
		data, err := n.weights(p)
		if err != nil {
			return nil, err
		}
		all = append(all, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: data})
	}
	return all, nil
}

// renamed are the weights alone, as torchvision's network calls them.
func (n *Network) renamed(tensors []checkpoint.Tensor) ([]checkpoint.Tensor, error) {
	modules, err := n.inTorchvision()
	if err != nil {
		return nil, err
	}
	for i, t := range tensors {
		dot := strings.LastIndexByte(t.Name, '.')
		tensors[i].Name = modules[t.Name[:dot]] + t.Name[dot:]
	}
	return tensors[1:], nil // its state dict has no mean
}

// count is how many learned numbers there are.
func count(all []checkpoint.Tensor) (n int) {
	for _, t := range all {
		if t.Name != model.InputMean {
			n += len(t.Data)
		}
	}
	return n
}

// describe is the metadata: texts, which other programs show. PyTorch's users look for the format.
func (n *Network) describe() (map[string]string, error) {
	all := map[string]string{"format": "pt"}
	props, err := n.metadata(nil)
	for _, p := range props {
		all[p.Key] = p.Value
	}
	return all, err
}

// entry is a tensor in the header.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// write writes a safetensors file: 8 bytes n, little endian; n bytes of JSON; the data. The mean is float32 always: of
// grey levels of a hundred, float16 has sixteenths. It comes first, so that every tensor lies at a multiple of its
// elements' size.
//
// Source: https://huggingface.co/docs/safetensors
func (n *Network) write(ctx context.Context, f io.Writer, tensors []checkpoint.Tensor) error {
	meta, err := n.describe()
	if err != nil {
		return err
	}
	header, at := map[string]any{"__metadata__": meta}, int64(0)
	for _, t := range tensors {
		e, size := entry{DType: "F32", Shape: t.Shape}, 4*int64(len(t.Data))
		if n.halves(t) {
			e.DType, size = "F16", size/2
		}
		e.Offsets = [2]int64{at, at + size}
		header[t.Name], at = e, at+size
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	w := bufio.NewWriterSize(f, 1<<20)
	head := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := writeNumbers(ctx, w, t, n.halves(t)); err != nil {
			return err
		}
	}
	return w.Flush()
}

// halves says whether a tensor is written as float16.
func (n *Network) halves(t checkpoint.Tensor) bool { return n.Half && t.Name != model.InputMean }

func writeNumbers(ctx context.Context, w io.Writer, t checkpoint.Tensor, rounded bool) error {
	buffer := make([]byte, 0, 1<<16)
	for i, x := range t.Data {
		if rounded {
			h := half.From32(x)
			if math.IsInf(float64(half.To32(h)), 0) && !math.IsInf(float64(x), 0) {
				return tooLarge(t.Name, x)
			}
			buffer = binary.LittleEndian.AppendUint16(buffer, h)
		} else {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(x))
		}
		if len(buffer) == cap(buffer) || i == len(t.Data)-1 {
			if _, err := w.Write(buffer); err != nil {
				return errors.Join(err, ctx.Err())
			}
			buffer = buffer[:0]
		}
	}
	return ctx.Err()
}

func tooLarge(name string, x float32) error {
	return fmt.Errorf("%s: a weight of %v is too large for float16, whose largest number is 65504", name, x)
}
