package limits

import (
	"fmt"
	"io"
	"text/tabwriter"
)

const assumed = `counted from the network; no GPU was asked, and none need be here. Assumed: convolutions and linear
layers at the card's peak; each operand of a step read or written once at the full rate of memory, none of it found in
the cache; the longer of the two hides the other, and all else; launches and waits cost nothing; steps fused as far as
a plan can.`

// WriteText prints what was assumed, every step, the operations, and the sum.
func (r Report) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "limits of an %s in %s, batch %d: %.4g TFLOP/s, memory %.4g TB/s, copies between devices %.4g GB/s\n",
		r.Card.Name, r.Precision, r.Batch, r.Card.peak(r.Precision)/1e12, r.Card.DRAM/1e12, r.Card.Link/1e9)
	fmt.Fprintf(w, "%s\n\n", assumed)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "step\tdevice\tlayer\top\tpass\tGFLOP\tMB\tms\tshare\tlimit\t")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%.2f\t%.4f\t%.1f %%\t%s\t\n", s.Index, s.Device, s.Layer, s.Op, s.Pass,
			gflop(s.FLOPs), float64(s.Bytes)/1e6, s.MS, 100*s.Share, s.By)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := r.writeOperations(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, d := range r.Devices {
		fmt.Fprintf(w, "%s: %.3f ms\n", d.Name, d.MS)
	}
	_, err := fmt.Fprintf(w, "a step takes at least %.3f ms: at most %.0f images/s\n", r.MS, r.ImagesPerSecond)
	return err
}

// writeOperations prints the operations and their sum, as kernels/README.md has them.
func (r Report) writeOperations(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tsteps\tGFLOP\tGB\tms\tshare\t")
	all := Operation{Op: "all"}
	for _, o := range r.Operations {
		o.write(t)
		all.Steps, all.FLOPs, all.Bytes, all.MS = all.Steps+o.Steps, all.FLOPs+o.FLOPs, all.Bytes+o.Bytes, all.MS+o.MS
		all.Share += o.Share
	}
	all.write(t)
	return t.Flush()
}

func (o Operation) write(w io.Writer) {
	fmt.Fprintf(w, "%s\t%d\t%s\t%.3f\t%.3f\t%.1f %%\t\n", o.Op, o.Steps, gflop(o.FLOPs), float64(o.Bytes)/1e9, o.MS,
		100*o.Share)
}

func gflop(n float64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", n/1e9)
}
