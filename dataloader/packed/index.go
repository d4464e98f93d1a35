package packed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"duet/dataloader/picture"
)

// The names inside a packed set.
const (
	IndexFile    = "set.json"
	ClassesFile  = "classes.txt"
	MeanFile     = "mean.npy"
	RejectedFile = "rejected.csv"
	labelsFile   = "labels.npy"
	flagsFile    = "flags.npy"
	filesFile    = "files.csv"

	format  = "duet packed set"
	version = 2
)

// The splits.
const (
	Train = "train"
	Val   = "val"
)

// The codecs: how a shard holds its images.
const (
	Raw  = "raw"
	JPEG = "jpeg"
)

// MaxSide is the largest side of a packed image in pixels.
const MaxSide = 4096

// Layout is how the images of a set are stored.
type Layout struct {
	Height int    `json:"height"` // in pixels
	Width  int    `json:"width"`
	Codec  string `json:"codec"` // Raw or JPEG
}

// Pixels is the size of a decoded image, [H,W,3], in bytes.
func (l Layout) Pixels() int { return l.Height * l.Width * 3 }

// An Index is the content of set.json.
type Index struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	Request json.RawMessage `json:"request"` // the source and the options, as the program that made the set wrote them
	Kind    string          `json:"kind"`    // what the source was recognised as
	// Fingerprint is of the source's listing: names, sizes and times. Another one is of a source that has changed.
	Fingerprint string `json:"fingerprint"`
	Decoder     string `json:"decoder"` // what decoded the source's JPEG files
	// Reading is how the source's files were read, or those of the set that this one was made of.
	picture.Reading
	Layout
	Classes  int              `json:"classes"`
	Rejected int              `json:"rejected"`
	Splits   map[string]Split `json:"splits"` // Train and perhaps Val

	// Of the training split, on the scale 0 to 255.
	ChannelMean [3]float32    `json:"channel_mean"` // R, G, B
	ColorEigen  [3][3]float32 `json:"color_eigen"`  // row k: unit vector of the k-th principal colour
	ColorStd    [3]float32    `json:"color_std"`    // square root of the k-th eigenvalue

	Checksums map[string]uint32 `json:"crc32c"` // of the other files, by their path in the set, with slashes
}

// A Split counts the images of a split.
type Split struct {
	Images   int    `json:"images"`
	PerClass []int  `json:"per_class"` // by label
	Shards   []int  `json:"shards"`    // images of each shard
	Content  uint32 `json:"content"`   // CRC32C of all stored images one after the other, however they are sharded
}

// ShardFiles are the paths in a set, with slashes, of shard number n of a split.
func (l Layout) ShardFiles(split string, n int) []string {
	files := []string{fmt.Sprintf("%s/images-%05d.npy", split, n)}
	if l.Codec == JPEG {
		files = append(files, fmt.Sprintf("%s/offsets-%05d.npy", split, n))
	}
	return files
}

// files are the paths of all files of a set but set.json.
func (x Index) files() []string {
	files := []string{ClassesFile, MeanFile, RejectedFile}
	for _, name := range []string{Train, Val} {
		split, ok := x.Splits[name]
		if !ok {
			continue
		}
		files = append(files, name+"/"+labelsFile, name+"/"+flagsFile, name+"/"+filesFile)
		for n := range split.Shards {
			files = append(files, x.ShardFiles(name, n)...)
		}
	}
	return files
}

// ReadIndex reads and checks DIR/set.json.
func ReadIndex(dir string) (Index, error) {
	path := filepath.Join(dir, IndexFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Index{}, fmt.Errorf("%s is not a packed set, as duet prepare makes one: %w", dir, err)
	}
	x, err := parseIndex(data)
	if err != nil {
		return x, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// parseIndex reads set.json strictly: an unknown key or a value that cannot be is an error.
func parseIndex(data []byte) (Index, error) {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	var x Index
	if err := json.Unmarshal(data, &head); err != nil {
		return x, fmt.Errorf("damaged: %w", err)
	}
	if head.Format != format {
		return x, fmt.Errorf("format is %q: want %q", head.Format, format)
	}
	if head.Version != version {
		return x, fmt.Errorf("format version %d: this program reads version %d; prepare the set again", head.Version, version)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil {
		return x, fmt.Errorf("damaged: %w", err)
	}
	var asked picture.Reading // of sets that are older than the index's own
	if err := json.Unmarshal(x.Request, &asked); err != nil {
		return x, fmt.Errorf("damaged: request: %w", err)
	}
	x.EXIF, x.AllowTruncated = x.EXIF || asked.EXIF, x.AllowTruncated || asked.AllowTruncated
	return x, x.check()
}

func (l Layout) check() error {
	if l.Height < 1 || l.Height > MaxSide || l.Width < 1 || l.Width > MaxSide {
		return fmt.Errorf("images of %dx%d: want sides of 1 to %d", l.Height, l.Width, MaxSide)
	}
	if l.Codec != Raw && l.Codec != JPEG {
		return fmt.Errorf("codec %.20q: want %q or %q", l.Codec, Raw, JPEG)
	}
	if l.Codec == JPEG && l.Height != l.Width {
		return fmt.Errorf("images of %dx%d: want squares with codec %q", l.Height, l.Width, JPEG)
	}
	return nil
}

func (x Index) check() error {
	if err := x.Layout.check(); err != nil {
		return err
	}
	if x.Classes < 1 || x.Classes > math.MaxInt32 {
		return fmt.Errorf("%d classes: want 1 to %d", x.Classes, math.MaxInt32)
	}
	if _, ok := x.Splits[Train]; !ok {
		return fmt.Errorf("splits lack %q", Train)
	}
	for name, split := range x.Splits {
		if name != Train && name != Val {
			return fmt.Errorf("split %.20q: want %q or %q", name, Train, Val)
		}
		if err := split.check(x.Classes); err != nil {
			return fmt.Errorf("split %s: %w", name, err)
		}
	}
	files := x.files()
	slices.Sort(files)
	for name := range x.Checksums {
		if _, ok := slices.BinarySearch(files, name); !ok {
			return fmt.Errorf("crc32c of %.40q, which is no file of the set", name)
		}
	}
	if len(x.Checksums) != len(files) {
		return fmt.Errorf("crc32c of %d files: want all %d", len(x.Checksums), len(files))
	}
	for c := range 3 {
		if !(x.ChannelMean[c] >= 0 && x.ChannelMean[c] <= 255) {
			return fmt.Errorf("channel_mean %v: want 0 to 255", x.ChannelMean)
		}
		// No spread of numbers within 0 to 255 is wider than half of it, in each of three channels.
		if !(x.ColorStd[c] >= 0 && x.ColorStd[c] <= 255) {
			return fmt.Errorf("color_std %v: want 0 to 255", x.ColorStd)
		}
		for _, v := range x.ColorEigen[c] {
			if !(v >= -1.001 && v <= 1.001) {
				return fmt.Errorf("color_eigen %v: want unit vectors", x.ColorEigen)
			}
		}
	}
	return nil
}

func (s Split) check(classes int) error {
	total := func(counts []int, least int) (sum int, err error) {
		for _, n := range counts {
			if n < least || n > math.MaxInt32 {
				return sum, fmt.Errorf("a count of %d images: want %d to %d", n, least, math.MaxInt32)
			}
			sum += n
		}
		return sum, nil
	}
	labelled, err := total(s.PerClass, 0)
	if err != nil {
		return fmt.Errorf("per_class: %w", err)
	}
	stored, err := total(s.Shards, 1)
	if err != nil {
		return fmt.Errorf("shards: %w", err)
	}
	if s.Images < 1 || s.Images > math.MaxInt32 || labelled != s.Images || stored != s.Images ||
		len(s.PerClass) != classes {
		return fmt.Errorf("%d images, %d in %d of %d classes, %d in %d shards: want the same number, 1 to %d",
			s.Images, labelled, len(s.PerClass), classes, stored, len(s.Shards), math.MaxInt32)
	}
	return nil
}
