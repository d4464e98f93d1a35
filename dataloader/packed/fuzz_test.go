package packed

import (
	"bytes"
	"encoding/json"
	"testing"
)

func FuzzIndex(f *testing.F) {
	good := Index{Format: format, Version: version, Layout: Layout{Height: 4, Width: 4, Codec: Raw}, Classes: 2, Request: []byte("{}"),
		Splits: map[string]Split{Train: {Images: 3, PerClass: []int{1, 2}, Shards: []int{2, 1}}}, Checksums: map[string]uint32{}}
	for _, name := range good.files() {
		good.Checksums[name] = 7
	}
	data, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(bytes.Replace(data, []byte(`"version":2`), []byte(`"version":3`), 1))
	f.Add(bytes.Replace(data, []byte(`[1,2]`), []byte(`[9223372036854775807,9223372036854775807,5]`), 1))
	f.Add(bytes.Replace(data, []byte(`"raw"`), []byte(`"jpeg"`), 1))
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseIndex(data)
		if err != nil {
			return
		}
		if s := x.Splits[Train]; s.Images < 1 || x.Height < 1 || x.Height > MaxSide || x.Classes < 1 || len(s.Shards) < 1 || len(x.Checksums) != len(x.files()) {
			t.Errorf("accepted %+v", x)
		}
	})
}
