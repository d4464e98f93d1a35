//go:build dnnl

package train_test

// A plan for testing alone may lay out weights otherwise than one that trains, and then sums in another order: each
// logit is off by some roundings of 2^-24 or, of bf16, 2^-9.
func init() {
	for name, c := range map[string]struct {
		sets []string
		off  float64
	}{
		"dnnl":      {[]string{`devices.towers=["dnnl:0"]`}, 1e-5},
		"dnnl two":  {[]string{`devices.towers=["dnnl:0", "dnnl:1"]`}, 1e-5},
		"dnnl bf16": {[]string{`devices.towers=["dnnl:0"]`, "devices.precision=bf16"}, 1e-2},
	} {
		averaged[name] = c
	}
}
