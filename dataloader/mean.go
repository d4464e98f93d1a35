package dataloader

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Mean is what is subtracted from the pixels: MeanChannel, MeanImage or MeanNone, or three numbers, grey levels of red,
// green and blue, as TOML writes them: "[123.675, 116.28, 103.53]".
type Mean string

const (
	MeanChannel Mean = "channel" // the mean of each channel over the training set
	MeanImage   Mean = "image"   // that of each pixel
	MeanNone    Mean = "none"
)

const wantMean = `want "channel", "image", "none" or the mean of red, green and blue in grey levels, such as ` +
	`[123.675, 116.28, 103.53]`

var _ toml.Unmarshaler = (*Mean)(nil)
var _ toml.Marshaler = Mean("")

// UnmarshalTOML takes a name or an array.
func (m *Mean) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		*m = Mean(v)
		return nil
	case []any:
		var texts []string
		for _, x := range v {
			switch x := x.(type) {
			case int64:
				texts = append(texts, strconv.FormatInt(x, 10))
			case float64:
				texts = append(texts, strconv.FormatFloat(x, 'g', -1, 64))
			default:
				return fmt.Errorf("%v is no number, %s", x, wantMean)
			}
		}
		*m = Mean("[" + strings.Join(texts, ", ") + "]")
		return nil
	}
	return fmt.Errorf("%v, %s", v, wantMean)
}

// MarshalTOML is what UnmarshalTOML takes.
func (m Mean) MarshalTOML() ([]byte, error) {
	if strings.HasPrefix(string(m), "[") {
		return []byte(m), nil
	}
	return json.Marshal(string(m))
}

// Given are the three numbers, where the mean is that.
func (m Mean) Given() (rgb [3]float32, given bool, err error) {
	text, given := strings.CutPrefix(string(m), "[")
	if !given {
		return rgb, false, nil
	}
	parts := strings.Split(strings.TrimSuffix(text, "]"), ",")
	if len(parts) != len(rgb) || !strings.HasSuffix(text, "]") {
		return rgb, true, fmt.Errorf("%s, %s", m, wantMean)
	}
	for c, part := range parts {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 32)
		if err != nil || !(x >= 0 && x <= 255) {
			return rgb, true, fmt.Errorf("%s, want grey levels of 0 to 255", m)
		}
		rgb[c] = float32(x)
	}
	return rgb, true, nil
}

func (m Mean) validate() error {
	_, given, err := m.Given()
	if err == nil && !given && m != MeanChannel && m != MeanImage && m != MeanNone {
		err = fmt.Errorf("%q, %s", string(m), wantMean)
	}
	return err
}
