package prepare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/source"
)

// Options say how a source becomes a packed set. The zero value is usable.
type Options struct {
	// Format forces what the source is taken for, one of source.Formats; "" looks.
	Format string
	// Columns are the names of a table's columns of files, of labels and perhaps of splits; none: the usual names.
	Columns []string
	// Size is the side of the packed images in pixels. 0: kept when all images are square, alike and at most 256, else 256.
	Size int
	// ValFraction of every class, chosen by Seed, becomes the validation split of a source that has none.
	ValFraction float64
	Seed        uint64
	// Classes are the IDs or names of the only classes to take; none: all. An ID wins over a name, and a name is of one class.
	Classes []string
	// PerClass is how many training images of a class are taken at most, chosen by Seed; 0: all. ValPerClass likewise of the
	// validation images.
	PerClass, ValPerClass int

	EXIF           bool // turn images as their EXIF orientation says; ImageNet ignores it
	AllowTruncated bool // take files whose end is missing or damaged, as far as they go
	Strict         bool // the first image that is rejected is an error

	// Codec is packed.Raw, also for "", or packed.JPEG with a Quality of 1 to 100; 0: 92.
	Codec   string
	Quality int
	// ShardMiB bounds the size of a shard in MiB; 0: 512. One image always fits.
	ShardMiB int

	// Workers is the number of goroutines that decode; 0: one a core. It does not change the result.
	Workers int
	// Restart discards what an earlier run with other options left in OUT.partial, rather than refusing.
	Restart bool
	// Generated is what the source "generated" draws; the zero value stands for the default.
	Generated source.Generated
	// Progress, if any, is called often, from one goroutine at a time.
	Progress func(Progress)
	// Suits, if any, is asked once, before anything is decoded, whether the set will be of use. Its error ends the Run.
	Suits func(Outline) error
}

// An Outline is what is known of a set before anything is decoded.
type Outline struct {
	Classes    []packed.Class // by label
	Side       int            // of the images, in pixels
	Train, Val int            // images at most
}

// Progress is how far a preparation has come.
type Progress struct {
	Found    int // images listed so far, while Total is 0
	Done     int // images packed or rejected, those of an earlier run included
	Earlier  int // of which an earlier run has
	Total    int
	Rejected int // of Done
}

// A Summary says what Run made.
type Summary struct {
	Kind       string // what the source was recognised as
	Size       int    // side of the packed images in pixels
	Train, Val int    // images
	Classes    []packed.Class
	Rejected   []packed.Rejected
	Notes      []string // on what of the source was not used, such as a table of something else
	OwnVal     bool     // the source has a validation split, so that ValFraction was not used
	Earlier    int      // images that an interrupted run had done already
	Decoded    int      // images of this run, rejected ones included
	Bytes      int64    // of all files
}

const (
	automaticSize   = 256 // the side that images of different or large sizes are brought to, as in the paper
	defaultQuality  = 92
	defaultShardMiB = 512
)

// Check says what is wrong with options, whatever the source.
func (o Options) Check() error { return o.complete().check() }

func (o Options) check() error {
	switch {
	case o.Format != "" && !slices.Contains(source.Formats(), o.Format):
		return fmt.Errorf("source format %q: want one of %s", o.Format, strings.Join(source.Formats(), ", "))
	case len(o.Columns) == 1 || len(o.Columns) > 3 || slices.Contains(o.Columns, ""):
		return fmt.Errorf("columns %q: want the names of those of files, of labels and perhaps of splits", o.Columns)
	case o.Size < 0 || o.Size > packed.MaxSide:
		return fmt.Errorf("size %d: want 0 (automatic) to %d pixels", o.Size, packed.MaxSide)
	case !(o.ValFraction >= 0 && o.ValFraction < 1):
		return fmt.Errorf("validation fraction %v: want 0 up to, not including, 1", o.ValFraction)
	case o.PerClass < 0 || o.ValPerClass < 0:
		return fmt.Errorf("%d training and %d validation images a class: want 0 (all) or more", o.PerClass, o.ValPerClass)
	case o.Codec != packed.Raw && o.Codec != packed.JPEG:
		return fmt.Errorf("codec %q: want %q or %q", o.Codec, packed.Raw, packed.JPEG)
	case o.Quality < 1 || o.Quality > 100:
		return fmt.Errorf("JPEG quality %d: want 1 to 100", o.Quality)
	case o.ShardMiB < 1 || o.ShardMiB > 1<<20:
		return fmt.Errorf("shards of %d MiB: want 1 to %d", o.ShardMiB, 1<<20)
	case o.Workers < 0 || o.Workers > 1024:
		return fmt.Errorf("%d workers: want 0 (one a core) to 1024", o.Workers)
	}
	return nil
}

// complete puts the defaults in.
func (o Options) complete() Options {
	if o.Codec == "" {
		o.Codec = packed.Raw
	}
	if o.Quality == 0 {
		o.Quality = defaultQuality
	}
	if o.ShardMiB == 0 {
		o.ShardMiB = defaultShardMiB
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Generated == (source.Generated{}) {
		o.Generated = source.DefaultGenerated()
	}
	return o
}

// A Request is what a set records of how it was asked for: what changes its content.
type Request struct {
	Source         []string          `json:"source"`
	Format         string            `json:"format,omitempty"`
	Columns        []string          `json:"columns,omitempty"`
	Size           int               `json:"size"`
	ValFraction    float64           `json:"val_fraction"`
	Seed           uint64            `json:"seed"`
	Classes        []string          `json:"classes,omitempty"`
	PerClass       int               `json:"per_class,omitempty"`
	ValPerClass    int               `json:"val_per_class,omitempty"`
	EXIF           bool              `json:"exif,omitempty"`
	AllowTruncated bool              `json:"allow_truncated,omitempty"`
	Codec          string            `json:"codec"`
	Quality        int               `json:"quality,omitempty"`
	ShardMiB       int               `json:"shard_mib"`
	Generated      *source.Generated `json:"generated,omitempty"`
}

// RequestOf is what a set made from sources with these options records.
func RequestOf(sources []string, o Options) Request {
	o = o.complete()
	r := Request{Format: o.Format, Columns: o.Columns, Size: o.Size, ValFraction: o.ValFraction, Seed: o.Seed, Classes: o.Classes, PerClass: o.PerClass,
		ValPerClass: o.ValPerClass, EXIF: o.EXIF, AllowTruncated: o.AllowTruncated, Codec: o.Codec, ShardMiB: o.ShardMiB}
	if o.Codec == packed.JPEG {
		r.Quality = o.Quality
	}
	for _, path := range sources {
		if path == source.GeneratedPath {
			r.Generated = &o.Generated
		} else {
			path = filepath.ToSlash(filepath.Clean(path))
		}
		r.Source = append(r.Source, path)
	}
	return r
}

// JSON is the request as it stands in set.json.
func (r Request) JSON() json.RawMessage {
	data, err := json.Marshal(r)
	if err != nil {
		panic("prepare: a request is always valid JSON: " + err.Error())
	}
	return data
}

// Difference says in what a request differs from one that was recorded; "" in nothing.
func (r Request) Difference(recorded json.RawMessage) string {
	var was, is map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(recorded, &was), json.Unmarshal(r.JSON(), &is)); err != nil {
		return "what was recorded is no request: " + err.Error()
	}
	keys := map[string]bool{}
	for k := range was {
		keys[k] = true
	}
	for k := range is {
		keys[k] = true
	}
	var differences []string
	for k := range keys {
		if a, b := compact(was[k]), compact(is[k]); a != b {
			differences = append(differences, fmt.Sprintf("%s %s instead of %s", k, b, a))
		}
	}
	slices.Sort(differences)
	return strings.Join(differences, ", ")
}

// compact is a JSON value without its white space.
func compact(value json.RawMessage) string {
	if value == nil {
		return "none"
	}
	var b bytes.Buffer
	json.Compact(&b, value) // was read as JSON before
	return b.String()
}

// decoder names what turns JPEG files into pixels: another one gives other pixels.
func decoder() string { return picture.Version() }
