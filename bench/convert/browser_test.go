//go:build browser

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long all may take in the browser, on a machine that is busy with other things.
const patience = 5 * time.Minute

// tolerance is of a probability: float32 in both, and six digits in the page.
const tolerance = 1e-4

// networks are those that are tried: the side of their images, and what trains them for a few steps.
var networks = []struct {
	name string
	side int
	sets string
}{
	{"quick", 40, ""},
	{"cifar10", 32, "data.generated.size=32 data.generated.classes=10 train.batch=32"},
}

// TestBrowser: the page of docs/exchange.md, with a network that duet has exported, says of images, one and seven at a
// time, what duet says.
func TestBrowser(t *testing.T) {
	web := os.Getenv("ONNX_WEB")
	if program == "" || web == "" {
		t.Fatal("DUET_PROGRAM names no program, or ONNX_WEB no folder with onnxruntime-web: want make test-onnx-web")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, patience)
	defer cancel()
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			dir := t.TempDir()
			train := []string{"train", n.name, "--data", "generated", "--run", "run"}
			for _, set := range strings.Fields("train.max_steps=20 data.generated.train=256 data.generated.val=32 " + n.sets) {
				train = append(train, "--set", set)
			}
			duet(t, dir, train...)
			duet(t, dir, "export", "onnx", "runs/run", "--out", "first.onnx")
			images := pictures(t, dir, n.side)
			want := predicted(t, duet(t, dir, append([]string{"predict", "runs/run", "--precision", "fp32", "--json"},
				images...)...))
			server := httptest.NewServer(serve(t, dir, web))
			defer server.Close()
			for _, batch := range []int{1, len(images)} {
				worst := 0.0
				for i := 0; i < len(images); i += batch {
					worst = math.Max(worst, compare(t, classified(t, ctx, server.URL, dir, images[i:i+batch]), want[i:i+batch]))
				}
				t.Logf("%d images, %d at a time: probabilities differ by at most %.1e", len(images), batch, worst)
			}
		})
	}
}

// program is the duet that is tried.
var program = os.Getenv("DUET_PROGRAM")

// duet runs the program in a folder, and gives what it prints.
func duet(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("duet %q: %v: %s", args, err, errs.Bytes())
	}
	return out
}

// serve has the page, the network that is in a folder, and what npm has installed.
func serve(t *testing.T, dir, web string) http.Handler {
	html := page(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, html)
	})
	mux.Handle("/first.onnx", http.FileServer(http.Dir(dir)))
	mux.Handle("/node_modules/", http.FileServer(http.Dir(web)))
	return mux
}

// page is that of docs/exchange.md.
func page(t *testing.T) string {
	text, err := os.ReadFile("../../docs/exchange.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```html\n")
	html, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("docs/exchange.md has no page")
	}
	return html
}

// pictures writes seven images of a side, random ones and a black and a white one, and gives their names.
func pictures(t *testing.T, dir string, side int) (names []string) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 7 {
		m := image.NewNRGBA(image.Rect(0, 0, side, side))
		for k := range m.Pix {
			switch {
			case k%4 == 3 || i == 2:
				m.Pix[k] = 255
			case i != 1:
				m.Pix[k] = uint8(random.IntN(256))
			}
		}
		name := fmt.Sprintf("%d.png", i)
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// A guess is one of the most probable classes of an image.
type guess struct {
	Label       int
	Probability float64
}

// predicted are the guesses of duet predict.
func predicted(t *testing.T, said []byte) (all [][]guess) {
	var images []struct{ Guesses []guess }
	if err := json.Unmarshal(said, &images); err != nil {
		t.Fatal(err)
	}
	for _, one := range images {
		all = append(all, one.Guesses)
	}
	return all
}

// classified gives images to the page as its user does, and has what it says of them.
func classified(t *testing.T, ctx context.Context, url, dir string, images []string) (all [][]guess) {
	t.Helper()
	var paths []string
	for _, name := range images {
		paths = append(paths, filepath.Join(dir, name))
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url), chromedp.WaitEnabled("input"),
		chromedp.SetUploadFiles("input", paths)); err != nil {
		t.Fatal(err)
	}
	text := ""
	for text == "" {
		var err error
		if text, err = chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("pre").textContent`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	lines := strings.Split(text, "\n")
	if len(lines) != len(images) {
		t.Fatalf("the page says %q of %d images", text, len(images))
	}
	for i, line := range lines {
		said, found := strings.CutPrefix(line, images[i]+": ")
		if !found {
			t.Fatalf("the page says %q, want of %s", line, images[i])
		}
		var row []guess
		for _, part := range strings.Split(said, ", ") {
			label, probability, _ := strings.Cut(part, " ")
			l, err := strconv.Atoi(label)
			if err != nil {
				t.Fatalf("the page says %q: %v", line, err)
			}
			p, err := strconv.ParseFloat(probability, 64)
			if err != nil {
				t.Fatalf("the page says %q: %v", line, err)
			}
			row = append(row, guess{l, p})
		}
		all = append(all, row)
	}
	return all
}

// compare gives the largest difference of a probability. Classes that are equally probable may stand in either order.
func compare(t *testing.T, got, want [][]guess) (worst float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d images, want %d", len(got), len(want))
	}
	for i := range want {
		if len(got[i]) != 5 || len(want[i]) != 5 {
			t.Fatalf("%v, want %v", got[i], want[i])
		}
		for k, w := range want[i] {
			g := got[i][k]
			difference := math.Abs(g.Probability - w.Probability)
			if !(difference <= tolerance) || g.Label != w.Label && !near(want[i], g) {
				t.Errorf("image %d: %v, want %v", i, got[i], want[i])
			}
			worst = math.Max(worst, difference)
		}
	}
	return worst
}

// near tells whether a guess is one of these.
func near(all []guess, g guess) bool {
	for _, w := range all {
		if w.Label == g.Label {
			return math.Abs(w.Probability-g.Probability) <= tolerance
		}
	}
	return false
}
