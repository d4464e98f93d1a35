package train

import (
	"errors"
	"fmt"

	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/engine/backend"
	"duet/engine/model"
	"duet/engine/op"
	"duet/engine/plan"
)

// Parts is a whole configuration, each part as its package defines it.
type Parts struct {
	Network model.Network
	Data    dataloader.Config
	Devices backend.Config
	Train   Config
	Text    []byte // the effective configuration as TOML, kept in checkpoints

	// What opening the devices and compiling the plans, which may take long, tells and asks. All may be nil.
	Log      func(line string)     // kernels that were measured, and what a device does without
	Prepared func(done, total int) // how many of a plan's kernels are prepared
	Stop     func() error          // its error ends the work, and a prediction
}

// Input is what a network must know of its data. It is kept in checkpoints, so that a checkpoint can classify images
// without the set it learned from.
type Input struct {
	Height, Width   int       // of the stored images
	Classes         []string  // their IDs by label
	Names           []string  // and names for people, "" where there is none; nil: there are none at all
	Mean            []float32 // what is subtracted, MeanShape
	MeanShape       []int     // [3, Height, Width] or [3, 1, 1]
	Identity        string    // of the training set
	picture.Reading           // how its files were read
}

// prepared tells of a prepared kernel, and asks whether to go on.
func (p *Parts) prepared(done, total int) error {
	if p.Prepared != nil {
		p.Prepared(done, total)
	}
	return p.stop()
}

func (p *Parts) stop() error {
	if p.Stop == nil {
		return nil
	}
	return p.Stop()
}

// InputOf describes a set of images as a configuration uses it.
func InputOf(s *packed.Set, c dataloader.Config) Input {
	in := Input{Height: s.Height(), Width: s.Width(), Classes: s.ClassIDs(), MeanShape: []int{3, 1, 1}, Identity: s.Identity(),
		Reading: s.Index.Reading}
	for label, class := range s.Classes() {
		if class.Name != "" && in.Names == nil {
			in.Names = make([]string, len(in.Classes))
		}
		if class.Name != "" {
			in.Names[label] = class.Name
		}
	}
	switch c.Mean {
	case "image":
		in.MeanShape, in.Mean = []int{3, in.Height, in.Width}, s.MeanImage()
	case "channel":
		mean := s.ChannelMean()
		in.Mean = mean[:]
	default:
		in.Mean = make([]float32, 3)
	}
	return in
}

// Model is a network on its devices: plans, weights and velocities.
type Model struct {
	Batch   int
	Input   Input
	Devices []backend.Device

	parts    Parts
	graph    *model.Graph // the one whose parameters the state holds; any of the model's
	state    *plan.State
	training *plan.Plan // nil in a model for testing
	testing  *plan.Plan
	bytes    int64
	hosts    *hosts
	measured []string // how long kernels took that were measured, a line for each piece of work
}

// Purpose says what a model is for.
type Purpose int

const (
	ForTraining Purpose = iota // training, with validation
	ForTesting                 // evaluation and prediction: no gradients, no velocities
	ForBench                   // training alone
)

// NewModel opens the devices and compiles the plans. The weights are undefined until Initialise or Restore.
func NewModel(p Parts, in Input, purpose Purpose) (*Model, error) {
	m := &Model{Batch: p.Train.Batch, Input: in, parts: p, hosts: newHosts()}
	var err error
	if m.Devices, err = p.Devices.OpenAll(m.note, p.Stop); err != nil {
		return nil, err
	}
	m.state = plan.NewState(m.Devices)
	if err := m.compile(purpose); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Model) note(line string) {
	m.measured = append(m.measured, line)
	if m.parts.Log != nil {
		m.parts.Log(line)
	}
}

func (m *Model) compile(purpose Purpose) error {
	var err error
	if purpose != ForTesting {
		if m.graph, m.training, err = m.plan("train"); err != nil {
			return err
		}
	}
	if purpose != ForBench {
		if m.graph, m.testing, err = m.plan("test"); err != nil {
			return err
		}
	}
	for _, p := range []*plan.Plan{m.training, m.testing} {
		if p != nil {
			m.bytes += p.Bytes()
		}
	}
	for _, b := range m.state.Bytes() {
		m.bytes += b
	}
	return nil
}

func (m *Model) plan(name string) (*model.Graph, *plan.Plan, error) {
	g, err := Graph(m.parts, m.Input, name == "train")
	if err != nil {
		return nil, nil, err
	}
	spec := SpecOf(name, g, m.parts.Train)
	spec.Prepared = m.parts.prepared
	p, err := plan.Compile(spec, m.state)
	if err != nil {
		return nil, nil, err
	}
	return g, p, p.Upload(model.Mean, m.Input.Mean)
}

// Graph builds the graph of a configuration's network for its data and devices.
func Graph(p Parts, in Input, training bool) (*model.Graph, error) {
	return p.Network.Build(model.Options{
		Batch: p.Train.Batch, Devices: len(p.Devices.Towers), Train: training, Classes: len(in.Classes),
		Height: in.Height, Width: in.Width, Crop: p.Data.Crop, Scale: p.Data.Scale, Mean: in.MeanShape,
		Wide: p.Devices.Precision == "fp64",
	})
}

// The outputs of plans.
const (
	Loss   = "loss"   // scalar, in the training plan
	Errors = "errors" // top-1 and top-5 error of the batch, [2], in the training plan
	Probs  = "probs"  // [batch, classes], in the test plan
)

// SpecOf says what is to be compiled of a network's graph: with updates if it has gradients, else up to the probabilities.
func SpecOf(name string, g *model.Graph, c Config) plan.Spec {
	s := plan.Spec{Name: name, Graph: g.ExprGraph, Inputs: g.Inputs, Outputs: []plan.Output{{Name: Probs, Node: g.Probs}}}
	for _, p := range g.Params {
		update := op.SGD{Momentum: float32(c.Momentum), WeightDecay: float32(c.WeightDecay * p.Decay), RateMul: float32(p.Rate)}
		for i, part := range p.Parts {
			name := partName(p.Name, i)
			s.Params = append(s.Params, plan.Param{Name: name, Node: part.Node})
			if part.Grad != nil {
				s.Updates = append(s.Updates, plan.Update{Op: update, Param: name, Grad: part.Grad})
			}
		}
	}
	if len(s.Updates) > 0 {
		s.Outputs = []plan.Output{{Name: Loss, Node: g.Loss}, {Name: Errors, Node: g.Errors}}
	}
	return s
}

// partName is the name of part i of a parameter in plans and states.
func partName(param string, i int) string { return fmt.Sprintf("%s/%d", param, i) }

// Training and Testing are the plans, nil where the purpose has none.
func (m *Model) Training() *plan.Plan { return m.training }
func (m *Model) Testing() *plan.Plan  { return m.testing }

// Bytes is the memory that the plans and the weights take on all devices together.
func (m *Model) Bytes() int64 { return m.bytes }

// Parameters is the number of learned numbers.
func (m *Model) Parameters() int { return m.graph.ParameterCount() }

// Close frees everything, devices included.
func (m *Model) Close() error {
	var errs []error
	for _, p := range []*plan.Plan{m.training, m.testing} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	errs = append(errs, m.state.Close())
	for _, d := range m.Devices {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}
