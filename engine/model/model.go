package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"duet/engine/backend"
	"duet/engine/op"
	"duet/engine/plan"
)

// Model is a network on its devices: plans, weights and velocities.
type Model struct {
	Batch   int
	Input   Input
	Devices []backend.Device

	setup    Setup
	graph    *Graph // the one whose parameters the state holds; any of the model's
	state    *plan.State
	training *plan.Plan // nil in a model for testing
	testing  *plan.Plan
	fronts   map[string]*Front // of the plans, by their names, where these are given features
	bytes    int64
	results  results
	kept     []Activation // of the test plan
	log      []string     // see Log
	measured struct {
		works int
		took  time.Duration
	}
}

// Purpose says what a model is for.
type Purpose int

const (
	ForTraining Purpose = iota // training, with validation
	ForTesting                 // evaluation and prediction: no gradients, no velocities
	ForBench                   // training alone
)

// New opens the devices and compiles the plans, until ctx ends. The weights are undefined until Initialise or Restore.
func New(ctx context.Context, s Setup, in Input, purpose Purpose, hooks Hooks) (*Model, error) {
	m := &Model{Batch: s.Batch, Input: in, setup: s, results: newResults(), fronts: map[string]*Front{},
		log: slices.Clone(s.Notes)}
	m.setup.CacheFeatures = s.CacheFeatures && purpose == ForTraining
	if purpose == ForTesting { // nothing is gained by measuring, nor lost by other kernels than those of the training
		m.setup.Devices.Tune, m.setup.Devices.Wishes = false, true
	}
	err := m.open(ctx, hooks.Log)
	if err == nil {
		if err = m.compile(ctx, purpose, hooks.Prepared); err != nil {
			err = errors.Join(err, m.Close())
		}
	}
	if err != nil {
		return nil, err
	}
	if n := m.measured.works; n > 0 && hooks.Log != nil {
		hooks.Log(fmt.Sprintf("kernels measured for %d pieces of work, in %.1f s", n, m.measured.took.Seconds()))
	}
	return m, nil
}

// open opens the devices.
func (m *Model) open(ctx context.Context, log func(line string)) (err error) {
	note := func(line string) {
		m.log = append(m.log, line)
		if log != nil {
			log(line)
		}
	}
	measured := func(one backend.Measurement) {
		if slices.Contains(m.log, one.Line) { // of another device
			return
		}
		m.log = append(m.log, one.Line)
		m.measured.works, m.measured.took = m.measured.works+1, m.measured.took+one.Took
	}
	if m.Devices, err = m.setup.Devices.OpenAll(note, measured, ctx.Err); err == nil {
		m.state = plan.NewState(m.Devices)
	}
	return err
}

func (m *Model) compile(ctx context.Context, purpose Purpose, told func(done, total int)) error {
	prepared := func(done, total int) error {
		if told != nil {
			told(done, total)
		}
		return ctx.Err()
	}
	var err error
	if purpose != ForTesting {
		if m.graph, m.training, err = m.plan("train", prepared); err != nil {
			return err
		}
	}
	if purpose != ForBench {
		if m.graph, m.testing, err = m.plan("test", prepared); err != nil {
			return err
		}
	}
	for _, p := range []*plan.Plan{m.training, m.testing} {
		if p != nil {
			m.bytes += p.Bytes()
		}
	}
	for _, f := range m.fronts {
		m.bytes += f.plan.Bytes()
	}
	for _, b := range m.state.Bytes() {
		m.bytes += b
	}
	return nil
}

func (m *Model) plan(name string, prepared func(done, total int) error) (*Graph, *plan.Plan, error) {
	g, err := m.setup.Graph(m.Input, name == "train")
	if err != nil {
		return nil, nil, err
	}
	spec := m.setup.Spec(name, g)
	if name == "test" {
		if m.kept, err = m.setup.kept(m.Input, g); err != nil {
			return nil, nil, err
		}
		spec.Outputs = append(spec.Outputs, outputs(m.kept)...)
		if m.averages() {
			m.testAverages(spec.Params, g)
		}
	}
	spec.Prepared = prepared
	if m.setup.CacheFeatures {
		front, err := m.divide(&spec, g)
		if front != nil {
			m.fronts[name] = front
		}
		if err != nil {
			return nil, nil, err
		}
	}
	p, err := plan.Compile(spec, m.state)
	if err != nil {
		return nil, nil, err
	}
	if weights := m.setup.classWeights(m.Input); weights != nil {
		if err := p.Upload(Weights, weights); err != nil {
			return g, p, err
		}
	}
	return g, p, p.Upload(Mean, m.Input.Mean)
}

// Log is what a run's log is to say of the model, in lines: the Notes of its setup, what devices do without, and how
// long kernels took that were measured, a line for each piece of work.
func (m *Model) Log() []string { return m.log }

// The outputs of plans.
const (
	Loss   = "loss"   // scalar, in the training plan
	Errors = "errors" // top-1 and top-5 error of the batch, [2], in the training plan
	Probs  = "probs"  // [batch, classes], in the test plan
)

// Spec says what is to be compiled of the network's graph: with updates if it has gradients, else up to the
// probabilities.
func (s Setup) Spec(name string, g *Graph) plan.Spec {
	spec := plan.Spec{Name: name, Graph: g.ExprGraph, Inputs: g.Inputs,
		Outputs: []plan.Output{{Name: Probs, Node: g.Probs}}}
	var averages []plan.Update // after all else, so that those of one kind follow each other
	for _, p := range g.Params {
		update := s.sgd(p)
		for i, part := range p.Parts {
			name := partName(p.Name, i)
			spec.Params = append(spec.Params, plan.Param{Name: name, Node: part.Node})
			if part.Grad != nil {
				spec.Updates = append(spec.Updates, plan.Update{Op: update, Param: name, Grad: part.Grad})
				if s.EMA > 0 {
					averages = append(averages, plan.Update{Op: op.EMA{Decay: float32(s.EMA)}, Param: name, Grad: part.Grad})
				}
			}
		}
	}
	spec.Updates = append(spec.Updates, averages...)
	if len(spec.Updates) > 0 {
		spec.Outputs = []plan.Output{{Name: Loss, Node: g.Loss}, {Name: Errors, Node: g.Errors}}
	}
	return spec
}

// averages says whether the model keeps moving averages beside its weights: one for testing has them in their place.
func (m *Model) averages() bool { return m.training != nil && m.setup.EMA > 0 }

// testAverages gives a test plan the averages in the place of the weights; frozen ones have none.
func (m *Model) testAverages(params []plan.Param, g *Graph) {
	frozen := map[*op.Node]bool{}
	for _, p := range g.Params {
		for _, part := range p.Parts {
			frozen[part.Node] = p.Frozen
		}
	}
	for i, p := range params {
		if !frozen[p.Node] {
			params[i].Name = plan.Average(p.Name)
		}
	}
}

// sgd is a parameter's update.
func (s Setup) sgd(p Param) op.SGD {
	return op.SGD{Momentum: float32(s.Momentum), WeightDecay: float32(s.WeightDecay * p.Decay), RateMul: float32(p.Rate)}
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
	errs = append(errs, m.CloseFronts(), m.state.Close())
	for _, d := range m.Devices {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}
