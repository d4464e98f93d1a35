package dataloader

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// The names inside a packed set.
const (
	setFile      = "set.json"
	classesFile  = "classes.txt"
	meanFile     = "mean.npy"
	rejectedFile = "rejected.csv"
	imagesFile   = "images.npy"
	labelsFile   = "labels.npy"
	filesFile    = "files.csv"

	setFormat  = "duet packed set"
	setVersion = 1
)

// checkedFiles are the files of a set that may have a checksum, with slashes.
var checkedFiles = []string{classesFile, meanFile, rejectedFile,
	"train/" + imagesFile, "train/" + labelsFile, "train/" + filesFile,
	"val/" + imagesFile, "val/" + labelsFile, "val/" + filesFile}

// A setInfo is the content of set.json.
type setInfo struct {
	Format   string               `json:"format"`
	Version  int                  `json:"version"`
	Request  request              `json:"request"`
	Kind     string               `json:"kind"` // what the source was recognised as
	Height   int                  `json:"height"`
	Width    int                  `json:"width"`
	Classes  int                  `json:"classes"`
	Rejected int                  `json:"rejected"`
	Splits   map[string]splitInfo `json:"splits"` // "train" and perhaps "val"

	// Of the training split, on the scale 0 to 255.
	ChannelMean [3]float32    `json:"channel_mean"` // R, G, B
	ColorEigen  [3][3]float32 `json:"color_eigen"`  // row k: unit vector of the k-th principal colour
	ColorStd    [3]float32    `json:"color_std"`    // square root of the k-th eigenvalue

	Checksums map[string]uint32 `json:"crc32c"` // of the other files, by their path in the set
}

// A splitInfo counts the images of a split.
type splitInfo struct {
	Images   int   `json:"images"`
	PerClass []int `json:"per_class"`
}

// A request is what a set was asked to be: the source and the options that change its content.
type request struct {
	Source      string     `json:"source"`
	Size        int        `json:"size"`
	ValFraction float64    `json:"val_fraction"`
	Seed        uint64     `json:"seed"`
	Generated   *Generated `json:"generated,omitempty"`
}

// readSetInfo reads and checks DIR/set.json.
func readSetInfo(dir string) (setInfo, error) {
	path := filepath.Join(dir, setFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return setInfo{}, fmt.Errorf("%s is not a packed set: %w", dir, err)
	}
	info, err := parseSetInfo(data)
	if err != nil {
		return info, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// parseSetInfo reads set.json strictly: an unknown key or a value that cannot be is an error.
func parseSetInfo(data []byte) (setInfo, error) {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	var info setInfo
	if err := json.Unmarshal(data, &head); err != nil {
		return info, fmt.Errorf("damaged: %w", err)
	}
	if head.Format != setFormat {
		return info, fmt.Errorf("format is %q: want %q", head.Format, setFormat)
	}
	if head.Version != setVersion {
		return info, fmt.Errorf("format version %d: this program reads version %d; prepare the set again", head.Version, setVersion)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&info); err != nil {
		return info, fmt.Errorf("damaged: %w", err)
	}
	return info, info.check()
}

func (s setInfo) check() error {
	if s.Height < 1 || s.Height > maxSide || s.Width < 1 || s.Width > maxSide {
		return fmt.Errorf("images of %dx%d: want sides of 1 to %d", s.Height, s.Width, maxSide)
	}
	if s.Classes < 1 || s.Classes > math.MaxInt32 {
		return fmt.Errorf("%d classes: want 1 to %d", s.Classes, math.MaxInt32)
	}
	if _, ok := s.Splits["train"]; !ok {
		return fmt.Errorf(`splits lack "train"`)
	}
	for name, split := range s.Splits {
		if name != "train" && name != "val" {
			return fmt.Errorf(`split %q: want "train" or "val"`, name)
		}
		total := 0
		for _, n := range split.PerClass {
			if n < 0 || n > math.MaxInt32 {
				return fmt.Errorf("split %s: a class of %d images", name, n)
			}
			total += n
		}
		if split.Images < 1 || split.Images > math.MaxInt32 || total != split.Images || len(split.PerClass) != s.Classes {
			return fmt.Errorf("split %s: %d images, %d in %d of %d classes: want the same number, 1 to %d",
				name, split.Images, total, len(split.PerClass), s.Classes, math.MaxInt32)
		}
	}
	for name := range s.Checksums {
		if !slices.Contains(checkedFiles, name) {
			return fmt.Errorf("crc32c of %.40q: want only %v", name, checkedFiles)
		}
	}
	for c := range 3 {
		if !(s.ChannelMean[c] >= 0 && s.ChannelMean[c] <= 255) {
			return fmt.Errorf("channel_mean %v: want 0 to 255", s.ChannelMean)
		}
		// No spread of numbers within 0 to 255 is wider than half of it, in each of three channels.
		if !(s.ColorStd[c] >= 0 && s.ColorStd[c] <= 255) {
			return fmt.Errorf("color_std %v: want 0 to 255", s.ColorStd)
		}
		for _, v := range s.ColorEigen[c] {
			if !(v >= -1.001 && v <= 1.001) {
				return fmt.Errorf("color_eigen %v: want unit vectors", s.ColorEigen)
			}
		}
	}
	return nil
}
