package packed

import (
	"bytes"
	"encoding/json"
	"testing"
)

func FuzzIndex(f *testing.F) {
	good := Index{Format: format, Version: version, Layout: Layout{Height: 4, Width: 4, Codec: Raw}, Classes: 2,
		Request: []byte("{}"), Splits: map[string]Split{Train: {Images: 3, PerClass: []int{1, 2}, Shards: []int{2, 1}}},
		Checksums: map[string]uint32{}}
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
		if s := x.Splits[Train]; s.Images < 1 || x.Height < 1 || x.Height > MaxSide || x.Classes < 1 || len(s.Shards) < 1 ||
			len(x.Checksums) != len(x.files()) {
			t.Errorf("accepted %+v", x)
		}
	})
}

// TestReadingOfOlderSets: an index without them has the source's options.
func TestReadingOfOlderSets(t *testing.T) {
	x := Index{Format: format, Version: version, Layout: Layout{Height: 4, Width: 4, Codec: Raw}, Classes: 1,
		Request: []byte(`{"exif":true,"allow_truncated":true}`),
		Splits:  map[string]Split{Train: {Images: 1, PerClass: []int{1}, Shards: []int{1}}}, Checksums: map[string]uint32{}}
	for _, name := range x.files() {
		x.Checksums[name] = 7
	}
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	older := bytes.Replace(data, []byte(`"exif":false,"allow_truncated":false,`), nil, 1)
	if len(older) == len(data) {
		t.Fatalf("no such keys in %s", data)
	}
	if got, err := parseIndex(older); err != nil || !got.EXIF || !got.AllowTruncated {
		t.Errorf("%+v, error %v", got.Reading, err)
	}
}
