package checkpoint

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Meta is the typed view of a checkpoint's __metadata__.
type Meta struct {
	Format    int     // version of duet's conventions; set by Load, Save always writes the constant Format
	Config    string  // the effective configuration, TOML
	Step      uint64  // training steps that were done
	Epoch     float64 // passes over the training set that were done
	BestError float64 // smallest validation top-1 error so far, a fraction; NaN before the first validation
	BestStep  uint64  // the step of BestError
	Seed      uint64
	// Extra is whatever else a run needs to go on, such as the state of the plateau schedule or the class names as JSON.
	// Its keys stand in __metadata__ as they are; they must not begin with "duet.".
	Extra map[string]string
}

// HasBest tells whether there has been a validation.
func (m *Meta) HasBest() bool { return !math.IsNaN(m.BestError) }

// The keys of __metadata__ that are duet's. Numbers are decimal, in the shortest form that reads back exactly.
const (
	keyPrefix    = "duet."
	keyBestError = "duet.best_error"
	keyBestStep  = "duet.best_step"
	keyConfig    = "duet.config"
	keyDataCRC   = "duet.crc32c.data"
	keyHeaderCRC = "duet.crc32c.header"
	keyEpoch     = "duet.epoch"
	keyFormat    = "duet.format"
	keySeed      = "duet.seed"
	keyStep      = "duet.step"
)

// encode gives __metadata__ without the checksums.
func (m *Meta) encode() (map[string]string, error) {
	out := map[string]string{
		keyFormat:    strconv.Itoa(Format),
		keyConfig:    m.Config,
		keyStep:      strconv.FormatUint(m.Step, 10),
		keyEpoch:     formatFloat(m.Epoch),
		keyBestError: formatFloat(m.BestError),
		keyBestStep:  strconv.FormatUint(m.BestStep, 10),
		keySeed:      strconv.FormatUint(m.Seed, 10),
	}
	for k, v := range m.Extra {
		if strings.HasPrefix(k, keyPrefix) {
			return nil, fmt.Errorf("metadata key %q: keys that begin with %q are reserved", k, keyPrefix)
		}
		out[k] = v
	}
	for k, v := range out {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, fmt.Errorf("metadata key %q: key or value is not UTF-8", k)
		}
	}
	return out, nil
}

// decodeMeta reads __metadata__ back. The format is checked first, because a newer one may have other keys.
func decodeMeta(in map[string]string) (Meta, error) {
	d := metaDecoder{in: in}
	var m Meta
	m.Format = int(d.uint(keyFormat, 31))
	if d.err == nil && m.Format > Format {
		return m, fmt.Errorf("format %d, this program reads up to %d: %w", m.Format, Format, ErrNewer)
	}
	m.Config = d.text(keyConfig)
	m.Step = d.uint(keyStep, 64)
	m.Epoch = d.float(keyEpoch)
	m.BestError = d.float(keyBestError)
	m.BestStep = d.uint(keyBestStep, 64)
	m.Seed = d.uint(keySeed, 64)
	if d.err != nil {
		return m, d.err
	}
	m.Extra = maps.Clone(in)
	maps.DeleteFunc(m.Extra, func(k, _ string) bool { return strings.HasPrefix(k, keyPrefix) })
	return m, nil
}

// metaDecoder reads typed values and keeps the first error.
type metaDecoder struct {
	in  map[string]string
	err error
}

func (d *metaDecoder) text(key string) string {
	s, ok := d.in[key]
	if !ok && d.err == nil {
		d.err = fmt.Errorf("metadata has no %s: %w", key, ErrDamaged)
	}
	return s
}

func (d *metaDecoder) uint(key string, bits int) uint64 {
	s := d.text(key)
	v, err := strconv.ParseUint(s, 10, bits)
	d.check(key, s, "a whole number", err)
	return v
}

func (d *metaDecoder) float(key string) float64 {
	s := d.text(key)
	v, err := strconv.ParseFloat(s, 64)
	d.check(key, s, "a number", err)
	return v
}

func (d *metaDecoder) check(key, value, want string, err error) {
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("metadata %s is %q, not %s: %w", key, value, want, ErrDamaged)
	}
}

func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
