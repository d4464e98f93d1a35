//go:build gpu && sim

package train_test

func init() {
	for name, c := range map[string]struct {
		sets []string
		off  float64
	}{
		"cuda":      {[]string{`devices.towers=["cuda:0"]`}, 0},
		"cuda two":  {[]string{`devices.towers=["cuda:0", "cuda:1"]`}, 0},
		"cuda bf16": {[]string{`devices.towers=["cuda:0"]`, "devices.precision=bf16"}, 0},
	} {
		averaged[name] = c
	}
}
