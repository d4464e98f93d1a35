// Package look draws what there is to see of a network and of its training.
package look

import (
	"fmt"
	"strings"

	"duet/engine/model"
	"duet/engine/op"
)

// A Network is a network as it is drawn: its layers from the image to the classes.
type Network struct {
	Title      string
	Towers     int
	Image      []int // shape of what every tower sees: [3, height, width]
	Classes    int
	Parameters int
	FLOPs      float64 // forward, for an image
	Batch      int     // whose exchanges are told
	Precision  string
	Rows       []Row
}

// A Row is a layer.
type Row struct {
	Name      string
	Towers    []*Part // by tower; nil where a tower has none of it
	Exchanged []int64 // by receiving tower: bytes that come from the other one, for a batch, forward
}

// A Part is what a tower has of a layer.
type Part struct {
	Does       string // such as "11×11, stride 4"
	Output     []int  // shape for an image: [maps, height, width] or [features]
	Parameters int
	FLOPs      float64 // forward, for an image
	Kernel     int     // side of a convolution's; 0 of any other
	Pools      bool
	Activation string // "ReLU" or "tanh", which follows weights; else ""
}

// Describe tells what is to be drawn of a network, as it lies on a device for each of its towers, whatever the devices
// of the setup are.
func Describe(s model.Setup, in model.Input) (*Network, error) {
	n := &Network{Title: s.Network.Title(), Towers: s.Network.MaxDevices(), Classes: len(in.Classes), Batch: s.Batch,
		Precision: s.Devices.Precision}
	g, err := s.Describe(in, true) // where no layer is left out
	if err != nil {
		return nil, err
	}
	nodes, err := g.Forward()
	if err != nil {
		return nil, err
	}
	n.Image, n.Parameters = g.Image.Shape()[1:], g.ParameterCount()
	params := map[*op.Node]bool{}
	for _, p := range g.Params {
		for _, part := range p.Parts {
			params[part.Node] = true
		}
	}
	rows := map[string]int{}
	for _, node := range nodes {
		a, is := node.Op().(*op.Applied)
		if !is {
			continue
		}
		if a.Op.Roles()[0] == op.Image {
			continue
		}
		at, seen := rows[a.Layer]
		if !seen {
			at, rows[a.Layer] = len(n.Rows), len(n.Rows)
			n.Rows = append(n.Rows, Row{a.Layer, make([]*Part, n.Towers), make([]int64, n.Towers)})
		}
		n.add(&n.Rows[at], a, g.Operands(node), params)
	}
	return n, nil
}

// add takes an operation of a layer.
func (n *Network) add(r *Row, a *op.Applied, operands []*op.Node, params map[*op.Node]bool) {
	if send, is := a.Op.(op.Send); is {
		if !send.Backward {
			bytes, _ := model.ElementBytes(n.Precision)
			r.Exchanged[a.Device] += bytes * int64(a.Out().Len()) * int64(n.Batch)
		}
		return
	}
	p := r.Towers[a.Device]
	if p == nil {
		p = &Part{}
		r.Towers[a.Device] = p
	}
	does := description(a.Op)
	switch o := a.Op.(type) {
	case op.Conv2D:
		p.Kernel = o.Kernel
		p.rectified(o.ReLU)
	case op.Linear:
		p.rectified(o.ReLU)
	case op.Tanh:
		if p.Parameters > 0 {
			p.Activation, does = does, ""
		}
	case op.MaxPool, op.AvgPool:
		p.Pools = true
	}
	if does != "" {
		p.Does = does
	}
	p.Output = a.Out().Shape[1:] // its last operation's
	p.FLOPs += op.FLOPs(a.Op, a.In(), a.Out())
	n.FLOPs += op.FLOPs(a.Op, a.In(), a.Out())
	for k, from := range operands {
		if params[from] {
			p.Parameters += a.In()[k].Len()
		}
	}
}

func (p *Part) rectified(relu bool) {
	if relu {
		p.Activation = "ReLU"
	}
}

// description is what an operation does, in few words; "" of one that is only how a layer is built.
func description(o op.Op) string {
	switch o := o.(type) {
	case op.Conv2D:
		return fmt.Sprintf("%d×%[1]d%s", o.Kernel, window(o.Stride, o.Pad))
	case op.Linear:
		return "linear"
	case op.MaxPool:
		return fmt.Sprintf("max pool %d×%[1]d%s", o.Kernel, window(o.Stride, o.Pad))
	case op.AvgPool:
		return fmt.Sprintf("average pool %d×%[1]d%s", o.Kernel, window(o.Stride, o.Pad))
	case op.LRN:
		return fmt.Sprintf("LRN over %d maps", o.N)
	case op.Dropout:
		return fmt.Sprintf("dropout %.2g", o.Rate)
	case op.ReLU:
		return "ReLU"
	case op.Send, op.Concat, op.Flatten:
		return ""
	}
	return strings.ReplaceAll(o.Name(), "_", " ")
}

func window(stride, pad int) string {
	text := ""
	if stride > 1 {
		text += fmt.Sprintf(", stride %d", stride)
	}
	if pad > 0 {
		text += fmt.Sprintf(", pad %d", pad)
	}
	return text
}
