package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"duet/alexnet/convert/onnx"
	"duet/engine/op"
	"duet/internal/disk"
)

// Verified is the key in a model's metadata under which the program says how far the file's probabilities were from its
// own.
const Verified = "duet.verified"

// Model makes an ONNX model of the network: from bytes of images to the classes' probabilities.
func (n *Network) Model() (*onnx.Model, error) {
	g, err := n.graph(false)
	if err != nil {
		return nil, err
	}
	b, err := newNodes(n, g)
	if err != nil {
		return nil, err
	}
	var scores string
	for _, one := range operations(g) {
		if err := b.apply(one); err != nil {
			return nil, err
		}
		scores = b.values[one]
	}
	b.out.Nodes = append(b.out.Nodes, onnx.Node{Op: "Softmax", Name: probsName, Inputs: []string{scores},
		Outputs: []string{probsName}, Attributes: []onnx.Attribute{number("axis", 1)}})
	in := n.Input
	batch := onnx.Dim{Size: -1, Name: batchName}
	sized := func(x int) onnx.Dim { return onnx.Dim{Size: int64(x)} }
	b.out.Name = n.Setup.Network.Title()
	b.out.Inputs = []onnx.Value{{Name: imagesName, Type: onnx.Uint8,
		Doc:  "[batch, height, width, 3]: red, green, blue, 0 to 255. What is subtracted and cut off is in the graph.",
		Dims: []onnx.Dim{batch, sized(in.Height), sized(in.Width), sized(3)}}}
	b.out.Outputs = []onnx.Value{{Name: probsName, Type: onnx.Float, Doc: "of the classes, in the order of the metadata",
		Dims: []onnx.Dim{batch, sized(len(in.Classes))}}}
	m := &onnx.Model{Producer: "duet", ProducerVersion: n.Version, Graph: b.out}
	m.Metadata, err = n.metadata(layersOf(operations(g)))
	return m, err
}

// layersOf are the names of the layers that give something.
func layersOf(all []*op.Node) (names []string) {
	seen := map[string]bool{}
	for _, n := range all {
		a := n.Op().(*op.Applied)
		if _, input := a.Op.(op.Augment); !input && !seen[a.Layer] {
			seen[a.Layer] = true
			names = append(names, a.Layer)
		}
	}
	return names
}

// metadata says what the network is. The keys are those of checkpoints, where these have them.
func (n *Network) metadata(layers []string) (all []onnx.Property, err error) {
	put := func(key string, value any) {
		text, failed := json.Marshal(value)
		err = errors.Join(err, failed)
		all = append(all, onnx.Property{Key: key, Value: string(text)})
	}
	put("classes", n.Input.Classes)
	if n.Input.Names != nil {
		put("names", n.Input.Names)
	}
	if layers != nil {
		put("layers", layers)
	}
	return append(all, onnx.Property{Key: "duet.version", Value: n.Version},
		onnx.Property{Key: "duet.step", Value: strconv.FormatUint(n.File.Meta.Step, 10)},
		onnx.Property{Key: "duet.config", Value: n.File.Meta.Config}), err
}

// ONNX writes the network as an ONNX model, and takes probabilities of images by the file against the engine's, which
// probabilities gives. Whatever fails, or ends ctx, there is no file.
func (n *Network) ONNX(ctx context.Context, path string, probabilities Engine) (r Result, err error) {
	if err := Free(path); err != nil {
		return r, err
	}
	m, err := n.Model()
	if err != nil {
		return r, err
	}
	g, err := n.graph(false)
	if err != nil {
		return r, err
	}
	r.Parameters = g.ParameterCount()
	return r, disk.ReplaceBy(path, func(f *os.File) error {
		if err := m.Write(f); err != nil {
			return err
		}
		m = nil // read from the file, it takes as much again
		if err := n.verify(ctx, f.Name(), probabilities, &r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		_, err := onnx.Property{Key: Verified, Value: fmt.Sprintf(
			"probabilities of %d images differ from duet's by at most %.2g", r.Images, r.Difference)}.WriteTo(f)
		return err
	})
}
