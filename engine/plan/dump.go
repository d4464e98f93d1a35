package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText prints the plan as a table: every step with its device, kernel, shapes, bytes and waits, then the memory
// and what crosses between devices.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "plan %s: %d parameters, %d steps\n\n", r.Name, r.Parameters, len(r.Steps))
	fmt.Fprintln(t, "step\tdevice\tlayer\top\tpass\toutput\tlayout\tbytes\tMFLOP\tkernel\twaits for")
	for _, s := range r.Steps {
		o := s.Out[0]
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", s.Index, s.Device, s.Layer, s.Op, s.Pass(), o.Type,
			o.Layout, sum(s.Out), megaflops(s.FLOPs), s.Kernel, list(s.Waits))
	}
	fmt.Fprintln(t, "\ndevice\tbytes\tstate\tarena\tarena without reuse\tinputs and outputs")
	for _, d := range r.Devices {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\n", d.Name, d.Bytes, d.State, d.Arena, d.Unshared, d.Other)
	}
	if len(r.Exchanges) > 0 {
		fmt.Fprintln(t, "\nexchange before\tforward bytes\tbackward bytes")
		var forward, backward int64
		for _, e := range r.Exchanges {
			fmt.Fprintf(t, "%s\t%d\t%d\n", e.Layer, e.Forward, e.Backward)
			forward, backward = forward+e.Forward, backward+e.Backward
		}
		fmt.Fprintf(t, "all\t%d\t%d\n", forward, backward)
	}
	return t.Flush()
}

// Pass is forward, backward or update.
func (s Step) Pass() string {
	switch {
	case s.Update:
		return "update"
	case s.Backward:
		return "backward"
	}
	return "forward"
}

// sum is the size of what a step writes. An update's outputs are its inputs.
func sum(ts []Tensor) (bytes int64) {
	for _, t := range ts {
		bytes += t.Bytes
	}
	return bytes
}

func megaflops(n float64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", n/1e6)
}

func list(steps []int) string {
	var out []string
	for _, s := range steps {
		out = append(out, fmt.Sprint(s))
	}
	return strings.Join(out, " ")
}

// WriteDot prints the plan as a Graphviz graph: one cluster a device, arrows where a tensor goes, dashed where one
// device waits for another.
func (r Report) WriteDot(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n\trankdir=TB; node [shape=box, fontname=\"sans-serif\", fontsize=10];\n", r.Name)
	for i, d := range r.Devices {
		fmt.Fprintf(&b, "\tsubgraph cluster_%d {\n\t\tlabel=%q;\n", i, fmt.Sprintf("%s, %d bytes", d.Name, d.Bytes))
		for _, s := range r.Steps {
			if i == r.clusterOf(s) {
				fmt.Fprintf(&b, "\t\ts%d [label=%q];\n", s.Index,
					fmt.Sprintf("%d %s.%s\n%s", s.Index, s.Layer, s.Op, s.Out[0].Type))
			}
		}
		b.WriteString("\t}\n")
	}
	for _, s := range r.Steps {
		for _, t := range s.In {
			if t.Writer >= 0 {
				fmt.Fprintf(&b, "\ts%d -> s%d [label=%q];\n", t.Writer, s.Index, t.Type)
			}
		}
		for _, from := range s.Waits {
			fmt.Fprintf(&b, "\ts%d -> s%d [style=dashed, color=red];\n", from, s.Index)
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// clusterOf is the index of a step's device.
func (r Report) clusterOf(s Step) int {
	return slices.IndexFunc(r.Devices, func(d Memory) bool { return d.Name == s.Device })
}
