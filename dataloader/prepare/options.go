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

	"duet/dataloader/generated"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/source"
	"duet/internal/invalid"
)

// Options are how a source becomes a packed set. The zero value is usable.
type Options struct {
	Settings
	// Workers is the number of goroutines that decode; 0: one a core. It does not change the result.
	Workers int
	// Restart discards what an earlier run with other options left in OUT.partial, rather than refusing.
	Restart bool
	// Generated is what the source "generated" draws; the zero value stands for the default.
	Generated generated.Options
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

// maxWorkers is more than any machine has cores for.
const maxWorkers = 1024

// Check says what is wrong with options, whatever the source. Its errors are *invalid.Error, joined.
func (o Options) Check() error {
	err := o.Settings.Validate()
	if o.Workers < 0 || o.Workers > maxWorkers {
		err = errors.Join(err, invalid.Key("workers", "%d, want 0 (one a core) to %d", o.Workers, maxWorkers))
	}
	return err
}

// complete puts the defaults in.
func (o Options) complete() Options {
	o.Settings = o.Settings.complete()
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Generated == (generated.Options{}) {
		o.Generated = generated.Default()
	}
	return o
}

// A Request is what a set records of how it was asked for: what changes its content.
type Request struct {
	Source []string `json:"source"`
	Settings
	Generated *generated.Options `json:"generated,omitempty"`
}

// RequestOf is what a set made from sources with these options records.
func RequestOf(sources []string, o Options) Request {
	o = o.complete()
	r := Request{Settings: o.Settings}
	if o.Codec != packed.JPEG {
		r.Quality = 0
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
