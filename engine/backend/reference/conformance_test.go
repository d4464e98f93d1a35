package reference_test

import (
	"testing"

	"duet/engine/backend"
	"duet/engine/backend/conformance"
	"duet/engine/backend/reference"
)

func TestConformance(t *testing.T) {
	for _, precision := range []string{"fp32", "fp64"} {
		t.Run(precision, func(t *testing.T) {
			open := func(t testing.TB) backend.Device {
				d, err := reference.Open(0, backend.Options{Precision: precision})
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			conformance.Run(t, open, conformance.Options{Precision: precision, Slow: true, Alone: true, Fault: fault})
		})
	}
}

func fault(_ testing.TB, d backend.Device) backend.Kernel { return reference.Broken(d) }
