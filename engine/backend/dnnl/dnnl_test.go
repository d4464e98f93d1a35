//go:build dnnl

package dnnl_test

import (
	"testing"

	"duet/engine/backend"
	"duet/engine/backend/conformance"
	"duet/engine/backend/dnnl"
)

// machine is what the backend says of this one.
func machine(t testing.TB) backend.Info {
	t.Helper()
	d := open(t, 0, backend.Options{})
	defer d.Close()
	return d.Info()
}

// open opens a device for a test.
func open(t testing.TB, index int, o backend.Options) backend.Device {
	t.Helper()
	d, err := dnnl.Open(index, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	for _, precision := range machine(t).Precisions {
		t.Run(precision, func(t *testing.T) {
			open := func(t testing.TB) backend.Device { return open(t, 0, backend.Options{Precision: precision}) }
			conformance.Run(t, open, conformance.Options{
				Precision: precision, Opaque: []string{"lrn_scale"}, Fault: newBroken,
				Lacks: []string{"lrn_max_pool", "lrn_max_pool_grad", "conv2d_grad_input_relu", "dropout_relu",
					"linear_grad_input_relu", "max_pool_grad_relu"},
			})
		})
	}
}
