package alexnet

import (
	"cmp"
	"errors"
	"fmt"

	"duet/engine/model"
	"duet/internal/invalid"
)

// Title is the network's name.
func (c Config) Title() string { return c.Name }

// MaxDevices is the number of towers.
func (c Config) MaxDevices() int { return c.Towers }

// Classes is how many features the last layer has; 0: as many as the data has classes.
func (c Config) Classes() int { return c.Layers[len(c.Layers)-1].Features }

// Build makes the graph of a network. A layer that is impossible after those before it, such as a kernel that is larger
// than its input, is an *invalid.Error of its key in the network's table.
func (c Config) Build(o model.Options) (*model.Graph, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Devices != 1 && !(o.Devices == 2 && c.Towers == 2) {
		return nil, fmt.Errorf("network %s: %d towers on %d devices, want one device, or one for each tower", c.Name,
			c.Towers, o.Devices)
	}
	b := &builder{model.NewBuilder(c.Name, o), c}
	x := b.input()
	if b.Err != nil {
		return nil, fmt.Errorf("network %s: %w", c.Name, b.Err)
	}
	for i := range c.Layers {
		var err error
		if x, err = b.layer(i, x); cmp.Or(err, b.Err) != nil {
			return nil, impossible(i, c.Layers[i], cmp.Or(err, b.Err))
		}
	}
	return b.Finish(x.parts[0])
}

// impossible says which key of layer i an error of its construction concerns.
func impossible(i int, l Layer, err error) error {
	at := fmt.Sprintf("layers[%d]", i)
	var known *invalid.Error
	switch {
	case errors.As(err, &known):
		return invalid.Under(at, err)
	case l.Kernel > 0: // nothing else of a convolution or a pooling can fail to fit
		at += ".kernel"
	}
	return invalid.Key(at, "%v", err)
}
