package duet

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"duet/alexnet/convert"
	"duet/dataloader"
	"duet/dataloader/layout"
	"duet/engine/checkpoint"
	"duet/engine/model"
)

// ImportOptions say how the weights of another program are taken.
type ImportOptions struct {
	Layout  convert.Layout    // the order of the weights' axes; "": the one that fits
	BGR     *bool             // the network sees blue, green and red; nil: as the format has it, which Caffe's do
	Names   map[string]string // a layer of the network: the file's
	Partial bool              // take what fits, and draw the rest from train.seed; the file may compute something else
	Mean    string            // a file with the mean that is subtracted; "": data.mean has it in numbers
	Classes []string          // names, by label; nil: ILSVRC2012's of 1000, numbers of others
}

// An Imported network is one whose weights another program has trained.
type Imported struct {
	*Checkpoint
	Format string // of the file
	Match  *convert.Match
}

// Import takes the weights of a file of PyTorch, Caffe, ONNX or NumPy, or in safetensors, into the network of a
// configuration. No code of the file runs. What does not fit, or what an ONNX file computes otherwise, is a
// *convert.Misfit, unless o.Partial. Nothing is written.
func Import(path string, config *Config, o ImportOptions) (*Imported, error) {
	source, err := convert.Read(path)
	if err != nil {
		return nil, err
	}
	in, err := inputOf(source, config, o)
	if err != nil {
		return nil, err
	}
	graph, err := config.Setup().Describe(in, false)
	if err != nil {
		return nil, err
	}
	bgr := source.BGR
	if o.BGR != nil {
		bgr = *o.BGR
	}
	m, err := convert.Fit(graph.Params, source, convert.Options{Layout: o.Layout, BGR: bgr, Names: o.Names})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := compare(source, m, config, in); err != nil {
		return nil, err
	}
	if err := m.Whole(); err != nil && !o.Partial {
		return nil, fmt.Errorf("%s: %w: --partial takes the weights that fit all the same", path, err)
	}
	if in.Mean, in.MeanShape, err = importedMean(config, in, o.Mean, bgr); err != nil {
		return nil, err
	}
	extra, err := in.Metadata(nil)
	if err != nil {
		return nil, err
	}
	f := &checkpoint.File{Meta: checkpoint.Meta{Config: string(config.TOML()), BestError: math.NaN(),
		Seed: config.Train.Seed, Extra: extra}}
	f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: model.InputMean, Shape: in.MeanShape, Data: in.Mean})
	for _, p := range graph.Params {
		data, taken := m.Tensors[p.Name]
		if !taken {
			data = p.Initial(config.Train.Seed)
		}
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: data},
			checkpoint.Tensor{Name: model.Velocity(p.Name), Shape: p.Shape, Data: make([]float32, p.Len())})
	}
	return &Imported{&Checkpoint{path, config, in, f}, source.Format, m}, nil
}

// compare holds what the file's network computes, where the file says it, against the configuration's.
func compare(s *convert.Source, m *convert.Match, config *Config, in model.Input) error {
	one := config.Setup()
	one.Batch, one.Devices.Towers = 1, make([]string, 1)
	graph, err := one.Graph(in, false)
	if err != nil {
		return err
	}
	return m.Compare(graph, s)
}

// inputOf is what the network will be told of its data, but for the mean.
func inputOf(s *convert.Source, c *Config, o ImportOptions) (in model.Input, err error) {
	in.Height, in.Width = c.Data.Size, c.Data.Size
	if c.Data.Size == 0 {
		in.Height, in.Width = c.Data.Crop, c.Data.Crop
	}
	in.MeanShape = []int{3, 1, 1}
	in.Classes = o.Classes
	if in.Classes != nil {
		return in, nil
	}
	n := c.Network.Classes()
	if n == 0 {
		if n = s.Outputs(o.Layout); n == 0 {
			return in, errors.New("neither the configuration nor the file's last layer says how many classes there are: " +
				"want their names, --classes FILE")
		}
	}
	if ids, names := layout.ILSVRCClasses(); n == len(ids) {
		in.Classes, in.Names = ids, names
		return in, nil
	}
	for label := range n {
		in.Classes = append(in.Classes, strconv.Itoa(label))
	}
	return in, nil
}

// importedMean is the mean that a file has, or the configuration.
func importedMean(c *Config, in model.Input, path string, bgr bool) (mean []float32, shape []int, err error) {
	given, is, _ := c.Data.Mean.Given()
	switch {
	case path == "" && (is || c.Data.Mean == dataloader.MeanNone):
		return given[:], []int{3, 1, 1}, nil
	case path == "":
		return nil, nil, fmt.Errorf("data.mean = %q, which a file of weights does not have: want --mean FILE, or "+
			"--set data.mean=[R,G,B] in grey levels", c.Data.Mean)
	case is || c.Data.Mean == dataloader.MeanNone:
		return nil, nil, fmt.Errorf("data.mean = %s in the configuration, and %s: want one of them", c.Data.Mean, path)
	}
	t, err := convert.ReadMean(path)
	if err == nil {
		t, err = convert.RGB(t, bgr)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	places := t.Shape[1] * t.Shape[2]
	if c.Data.Mean == dataloader.MeanChannel || places == 1 {
		mean = make([]float32, 3)
		for channel := range mean {
			sum := 0.0
			for _, x := range t.Data[channel*places : (channel+1)*places] {
				sum += float64(x)
			}
			mean[channel] = float32(sum / float64(places))
		}
		return mean, []int{3, 1, 1}, nil
	}
	if t.Shape[1] != in.Height || t.Shape[2] != in.Width {
		return nil, nil, fmt.Errorf("%s: a mean of %dx%d pixels, want %dx%d, data.size, or data.mean = \"channel\"", path,
			t.Shape[1], t.Shape[2], in.Height, in.Width)
	}
	return t.Data, t.Shape, nil
}
