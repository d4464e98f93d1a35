package board

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostileMistakes: a file of mistakes that is not what training writes is refused, or drawn as text.
func TestHostileMistakes(t *testing.T) {
	b := newTester(t)
	b.begin("a")
	var large bytes.Buffer
	b.check(png.Encode(&large, image.NewGray(image.Rect(0, 0, 1, 2000))))
	good := `{"classes":["<script>\u001b[2J"],"confusion":[[0,0,3]],"worst":[{"loss":null,"taken_for":[0],` +
		`"probabilities":[null],"png":"` + base64.StdEncoding.EncodeToString(onePixel(t)) + `"}]}`
	for _, c := range []struct{ text, worst, confusion string }{
		{good, "", ""},
		{"{", "unexpected end", "unexpected end"},
		{`{"classes":["x"],"confusion":[[0,1,1]]}`, "confusion[0]: class 1, want one of 1", "confusion[0]: class 1"},
		{`{"classes":["x"],"confusion":[[-1,0,1]]}`, "class -1", "class -1"},
		{`{"classes":["x"],"confusion":[[0,0,-1]]}`, "-1 images", "-1 images"},
		{`{"classes":["x"],"worst":[{"class":7}]}`, "worst[0]: class 7", "worst[0]: class 7"},
		{`{"classes":["x"],"worst":[{"taken_for":[0]}]}`, "1 classes, 0 probabilities", "1 classes, 0 probabilities"},
		{`{"classes":["x"],"worst":[{"png":"eA=="}]}`, "worst[0]: png: unexpected EOF", ""},
		{`{"classes":["x"],"worst":[{"png":"` + base64.StdEncoding.EncodeToString(large.Bytes()) + `"}]}`,
			"1 x 2000 pixels, want a small image", ""},
		{`{"classes":["x"` + strings.Repeat(`,""`, 5000) + `]}`, "", "5001 classes, want at most 4096"},
	} {
		b.check(os.RemoveAll(filepath.Join(b.dir, "a", "mistakes.json")))
		b.write("a", "mistakes.json", c.text)
		for what, want := range map[string]string{"worst": c.worst, "confusion": c.confusion} {
			w := b.ask("GET", "/"+what+".png?run=a", nil)
			if got := w.Body.String(); want == "" && !strings.HasPrefix(got, "\x89PNG") || want != "" &&
				(w.Code == http.StatusOK || !strings.Contains(got, want)) {
				t.Errorf("%.60s: %s: %d %.200q, want %q", c.text, what, w.Code, got, want)
			}
		}
	}
}

func onePixel(t *testing.T) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
