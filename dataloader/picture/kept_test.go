package picture

import "testing"

// What an unusually large picture needed is let go of, and the buffers of others are used again.
func TestLetsGo(t *testing.T) {
	const size = 512
	d, err := New(Options{Size: size})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dst := make([]byte, size*size*3)
	for _, c := range []struct {
		side int
		kept bool
	}{{600, true}, {2600, true}, {2900, false}, {600, true}} { // keptBytes are 2621 rows of 512 pixels and their slack
		m := &RGB{Pix: make([]byte, c.side*c.side*3), Width: c.side, Height: c.side}
		if err := d.Fit(dst, m); err != nil {
			t.Fatal(err)
		}
		if (d.middle != nil) != c.kept || cap(d.middle) > keptBytes || cap(d.chunk) > keptBytes {
			t.Errorf("after %dx%d: %d and %d bytes are kept", c.side, c.side, cap(d.middle), cap(d.chunk))
		}
	}
}
