package syntax

import "testing"

func TestTypeBytes(t *testing.T) {
	for name, want := range map[string]int{"u8": 1, "s16": 2, "f16": 2, "b32": 4, "f64": 8, "b128": 16,
		"": 0, "u": 0, "8": 0, "f8": 0, "u128": 0, "b7": 0, "bf16": 0, "uu8": 0, "b-8": 0, "b+8": 0, "b08": 0, "pred": 0} {
		if got := TypeBytes(name); got != want {
			t.Errorf("TypeBytes(%q) = %d, want %d", name, got, want)
		}
	}
}
