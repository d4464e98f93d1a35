package oracle

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Set is a packed set of raw images.
type Set struct {
	Height, Width, Classes int
	Train, Val             Split
	MeanImage              []float64     // [3,H,W], of the training images
	MeanColor              [3]float32    // R, G, B
	Colors                 [3][3]float32 // row k: the k-th principal colour, a unit vector
	Deviations             [3]float32    // standard deviation of the colours along each
}

// Split is some labelled images, each [H,W,3].
type Split struct {
	Images [][]byte
	Labels []int
}

// ReadSet reads a folder that the program packed.
func ReadSet(dir string) (*Set, error) {
	text, err := os.ReadFile(filepath.Join(dir, "set.json"))
	if err != nil {
		return nil, err
	}
	var index struct {
		Height, Width, Classes int
		Codec                  string
		Splits                 map[string]struct{ Shards []int }
		Mean                   [3]float32    `json:"channel_mean"`
		Eigen                  [3][3]float32 `json:"color_eigen"`
		Std                    [3]float32    `json:"color_std"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("oracle: %s: set.json: %w", dir, err)
	}
	if index.Codec != "raw" {
		return nil, fmt.Errorf("oracle: %s: codec %q, want raw", dir, index.Codec)
	}
	s := &Set{Height: index.Height, Width: index.Width, Classes: index.Classes, MeanColor: index.Mean, Colors: index.Eigen,
		Deviations: index.Std}
	for name, split := range map[string]*Split{"train": &s.Train, "val": &s.Val} {
		for n := range index.Splits[name].Shards {
			pixels, err := readNpy(filepath.Join(dir, name, fmt.Sprintf("images-%05d.npy", n)))
			if err != nil {
				return nil, err
			}
			for size := s.Height * s.Width * 3; len(pixels) >= size; pixels = pixels[size:] {
				split.Images = append(split.Images, pixels[:size])
			}
		}
		if len(split.Images) == 0 {
			continue
		}
		labels, err := readNpy(filepath.Join(dir, name, "labels.npy"))
		if err != nil {
			return nil, err
		}
		for ; len(labels) > 0; labels = labels[4:] {
			split.Labels = append(split.Labels, int(binary.LittleEndian.Uint32(labels)))
		}
	}
	mean, err := readNpy(filepath.Join(dir, "mean.npy"))
	s.MeanImage = float32s(mean)
	return s, err
}

// readNpy is the elements of a NumPy file, version 1: magic and version, the length of a text in two bytes, the text.
func readNpy(path string) ([]byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(file) < 10 || string(file[:7]) != "\x93NUMPY\x01" {
		return nil, fmt.Errorf("oracle: %s is no NumPy file of version 1", path)
	}
	return file[10+int(binary.LittleEndian.Uint16(file[8:])):], nil
}

func float32s(data []byte) (values []float64) {
	for ; len(data) > 0; data = data[4:] {
		values = append(values, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
	}
	return values
}

// ReadCheckpoint is the tensors of a safetensors file: the length of a JSON text in eight bytes, the text, the numbers.
func ReadCheckpoint(path string) (map[string][]float64, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	start := 8 + binary.LittleEndian.Uint64(file)
	var entries map[string]struct {
		Dtype   string
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(file[8:start], &entries); err != nil {
		return nil, fmt.Errorf("oracle: %s: %w", path, err)
	}
	tensors := map[string][]float64{}
	for name, e := range entries {
		switch data := file[start:][e.Offsets[0]:e.Offsets[1]]; e.Dtype {
		case "F32":
			tensors[name] = float32s(data)
		case "F64":
			for ; len(data) > 0; data = data[8:] {
				tensors[name] = append(tensors[name], math.Float64frombits(binary.LittleEndian.Uint64(data)))
			}
		case "": // __metadata__
		default:
			return nil, fmt.Errorf("oracle: %s: %s has elements of type %s", path, name, e.Dtype)
		}
	}
	return tensors, nil
}
