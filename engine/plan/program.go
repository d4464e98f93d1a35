package plan

import (
	"errors"
	"fmt"

	"duet/engine/backend"
)

// program is a device's program with the step of each command, nil where a command only orders, and which of those keep
// its launches waiting.
type program struct {
	backend.Program
	steps []*step
	waits []bool
}

// load makes each device's commands and loads them, on all devices or none.
func (p *Plan) load(o backend.LoadOptions) ([]program, error) {
	devices := p.state.Devices
	commands := make([][]backend.Command, len(devices))
	steps := make([][]*step, len(devices))
	add := func(d int, s *step, c backend.Command) {
		commands[d] = append(commands[d], c)
		steps[d] = append(steps[d], s)
	}
	begins, err := p.begin(add)
	if err != nil {
		return nil, err
	}
	events := map[*step]backend.Event{}
	for _, s := range p.steps {
		d := s.place.Device
		if s.begin {
			from := s.in[0].device
			add(d, nil, backend.Command{Kind: backend.Wait, Event: begins[from], Beside: true,
				Label: s.name() + " waits for the begin of " + devices[from].Name()})
		}
		for _, on := range s.waits {
			add(d, nil, backend.Command{Kind: backend.Wait, Event: events[on], Beside: s.copies(),
				Label: s.name() + " waits for " + on.name()})
		}
		add(d, s, p.command(s))
		if s.signals {
			e, err := devices[d].NewEvent()
			if err != nil {
				return nil, fmt.Errorf("plan %s: %s: %w", p.Name, devices[d].Name(), err)
			}
			events[s] = e
			add(d, nil, backend.Command{Kind: backend.Signal, Event: e, Beside: s.copies(), Label: s.name() + " is done"})
		}
	}
	for _, s := range p.loose {
		add(s.place.Device, nil, backend.Command{Kind: backend.Wait, Event: events[s],
			Label: "the end waits for " + s.name()})
	}
	if err := p.meet(add); err != nil {
		return nil, err
	}
	var programs []program
	for d, device := range devices {
		loaded, err := device.Load(commands[d], o)
		if err != nil {
			err = fmt.Errorf("plan %s: %s: %w", p.Name, device.Name(), err)
			for _, before := range programs {
				err = errors.Join(err, before.Close())
			}
			return nil, err
		}
		waits := make([]bool, len(commands[d]))
		for i, c := range commands[d] {
			waits[i] = c.Kind == backend.Wait && !c.Beside
		}
		programs = append(programs, program{loaded, steps[d], waits})
	}
	return programs, nil
}

// begin lets devices whose inputs or parameters are copied to others signal that a run begins there: that what was
// uploaded before is there.
func (p *Plan) begin(add func(int, *step, backend.Command)) (map[int]backend.Event, error) {
	begins := map[int]backend.Event{}
	for _, s := range p.steps {
		if !s.begin || begins[s.in[0].device] != nil {
			continue
		}
		from := s.in[0].device
		e, err := p.state.Devices[from].NewEvent()
		if err != nil {
			return nil, fmt.Errorf("plan %s: %s: %w", p.Name, p.state.Devices[from].Name(), err)
		}
		begins[from] = e
		add(from, nil, backend.Command{Kind: backend.Signal, Event: e, Label: p.state.Devices[from].Name() + " begins"})
	}
	return begins, nil
}

// meet lets devices that copy from each other wait for each other at the end, so that the next run cannot overwrite
// what this one still reads.
func (p *Plan) meet(add func(int, *step, backend.Command)) error {
	devices := p.state.Devices
	joined := make([]bool, len(devices))
	for _, s := range p.steps {
		if s.copies() {
			joined[s.place.Device], joined[s.in[0].device] = true, true
		}
	}
	ends := make([]backend.Event, len(devices))
	for d, is := range joined {
		if !is {
			continue
		}
		var err error
		if ends[d], err = devices[d].NewEvent(); err != nil {
			return fmt.Errorf("plan %s: %s: %w", p.Name, devices[d].Name(), err)
		}
		add(d, nil, backend.Command{Kind: backend.Signal, Event: ends[d], Label: devices[d].Name() + " ends"})
	}
	for d, is := range joined {
		for e, end := range ends {
			if is && e != d && end != nil {
				add(d, nil, backend.Command{Kind: backend.Wait, Event: end, Label: "end of " + devices[e].Name()})
			}
		}
	}
	return nil
}

func (p *Plan) command(s *step) backend.Command {
	c := backend.Command{Kind: backend.Launch, Label: s.name(), Kernel: s.kernel}
	if s.copies() {
		return backend.Command{Kind: backend.Copy, Label: s.name(), Beside: true, From: p.state.Devices[s.in[0].device],
			Src: s.in[0].buffer, Dst: s.out[0].buffer}
	}
	for _, v := range s.in {
		c.In = append(c.In, v.buffer)
	}
	for _, v := range s.out {
		c.Out = append(c.Out, v.buffer)
	}
	if s.scratch != nil {
		c.Scratch = p.within(s.scratch, s.scratch.bytes)
	}
	return c
}
