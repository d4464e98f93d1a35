//go:build browser

package board

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/image/draw"
)

var update = flag.Bool("update", false, "write docs/board.png")

// A browser looks at the board of a program of its own, which trains meanwhile.
type browser struct {
	*testing.T
	ctx     context.Context
	program string
	dir     string
	address string
	board   *exec.Cmd
}

// patience is how long something may take, on a machine that is busy with other things.
const patience = 2 * time.Minute

func newBrowser(t *testing.T) *browser {
	b := &browser{T: t, program: os.Getenv("DUET_PROGRAM"), dir: t.TempDir()}
	if b.program == "" {
		t.Fatal("DUET_PROGRAM names no program to test: want make test-board")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1280, 1000))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b.ctx, cancel = context.WithTimeout(b.ctx, 5*patience)
	t.Cleanup(cancel)
	return b
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// value is that of an action.
func value[T any](b *browser, a chromedp.Action[T]) T {
	b.Helper()
	x, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.Fatal(err)
	}
	return x
}

// start starts the program in the test's folder.
func (b *browser) start(args ...string) *exec.Cmd {
	b.Helper()
	cmd := exec.Command(b.program, args...)
	cmd.Dir = b.dir
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { b.end(cmd) })
	return cmd
}

// end ends a program, if it has not ended, in good order.
func (b *browser) end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	}
}

// serve starts the board at the address that it had before.
func (b *browser) serve() {
	b.Helper()
	if b.address == "" {
		at, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.address = at.Addr().String()
		at.Close()
	}
	cmd := exec.Command(b.program, "board", "--address", b.address)
	cmd.Dir = b.dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { b.end(cmd) })
	b.board = cmd
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "http://"+b.address+"/\n" {
		b.Fatalf("the board says %q, %v", line, err)
	}
}

// until waits until a script's value in the page is as wanted, and gives it.
func until[T any](b *browser, what, js string, is func(T) bool) (x T) {
	b.Helper()
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(100 * time.Millisecond) {
		if x = value(b, chromedp.Evaluate[T](js)); is(x) {
			return x
		}
	}
	b.Fatalf("%s: still %v", what, x)
	return x
}

// points are the steps of a run's curve of the loss as the page has it, -1 apart where there is none.
func points(run string) string {
	return fmt.Sprintf(`(() => {
		const chart = document.querySelector('[data-part=curves] script');
		const curve = chart && JSON.parse(chart.textContent).Curves.find(c => c.Name === %q);
		return curve ? curve.X : [];
	})()`, run)
}

// point does something with the pointer over the first chart, at a part of its width.
func point(kind string, part float64) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
		const svg = document.querySelector('figure svg'), box = svg.getBoundingClientRect();
		svg.dispatchEvent(new PointerEvent(%q, {bubbles: true, button: 0, clientX: box.left + %v * box.width,
			clientY: box.top + 0.3 * box.height}));
	})()`, kind, part))
}

// disc is the path of an image of one.
func (b *browser) disc() string {
	const side = 80
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		x, y := i%side, i/side
		c := color.RGBA{40, 120, 90, 255}
		if (x-40)*(x-40)+(y-42)*(y-42) < 22*22 {
			c = color.RGBA{230, 170, 60, 255}
		}
		m.SetRGBA(x, y, c)
	}
	path := filepath.Join(b.dir, "disc.png")
	b.write(m, path)
	return path
}

func (b *browser) write(m image.Image, path string) {
	b.Helper()
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, m)
	if err == nil {
		err = os.WriteFile(path, out.Bytes(), 0o666)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// small is an image at 1000 pixels, in the colours that are most of it: a third of what it has in full.
func small(m image.Image) image.Image {
	const width, levels, most = 1000, 16, 128
	size := m.Bounds().Size()
	to := image.NewRGBA(image.Rect(0, 0, width, size.Y*width/size.X))
	draw.CatmullRom.Scale(to, to.Bounds(), m, m.Bounds(), draw.Src, nil)
	type mean struct{ red, green, blue, pixels int }
	near := map[[3]uint8]mean{} // by the colour's level
	for i := 0; i < len(to.Pix); i += 4 {
		p := to.Pix[i : i+3]
		level := [3]uint8{p[0] / levels, p[1] / levels, p[2] / levels}
		of := near[level]
		near[level] = mean{of.red + int(p[0]), of.green + int(p[1]), of.blue + int(p[2]), of.pixels + 1}
	}
	all := slices.SortedFunc(maps.Values(near), func(a, b mean) int { return b.pixels - a.pixels })
	var colours color.Palette
	for _, c := range all[:min(most, len(all))] {
		colours = append(colours, color.RGBA{uint8(c.red / c.pixels), uint8(c.green / c.pixels),
			uint8(c.blue / c.pixels), 255})
	}
	few := image.NewPaletted(to.Bounds(), colours)
	draw.Draw(few, few.Bounds(), to, image.Point{}, draw.Src)
	return few
}

// TestBrowser is a board that is looked at while two runs train.
func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	if err := os.Mkdir(filepath.Join(b.dir, "runs"), 0o777); err != nil {
		t.Fatal(err)
	}
	b.serve()
	b.run(chromedp.Navigate("http://"+b.address+"/"), chromedp.WaitVisible("#view"), chromedp.Evaluate[chromedp.Void](
		`window.wrong = []; addEventListener('securitypolicyviolation', e => wrong.push(e.violatedDirective));
		addEventListener('error', e => wrong.push(e.message)); window.loadedOnce = true; undefined`))
	train := func(run string, sets ...string) *exec.Cmd {
		args := []string{"train", "quick", "--run", run, "--set", "train.checkpoint_steps=50"}
		for _, s := range sets {
			args = append(args, "--set", s)
		}
		return b.start(args...)
	}
	first := train("first")

	// A run appears without a reload, and its curve grows.
	some := until(b, "the first run's curve", points("first"), func(x []float64) bool { return len(x) > 3 })
	until(b, "a curve that grows", points("first"), func(x []float64) bool { return len(x) > len(some) })

	// The filters' image changes with the checkpoint.
	const filters = `document.querySelector('[data-part=panels] img')?.src ?? ''`
	const drawn = `document.querySelector('[data-part=panels] img')?.naturalWidth ?? 0`
	before := until(b, "filters", filters, func(src string) bool { return src != "" })
	until(b, "their picture", drawn, func(width int) bool { return width > 100 })
	until(b, "filters of a later checkpoint", filters, func(src string) bool { return src != before && src != "" })

	// The board's process is another one; no step is lost.
	b.end(b.board)
	until(b, "that the board is away", `document.getElementById('live').textContent`, func(s string) bool {
		return strings.Contains(s, "away")
	})
	b.serve()
	until(b, "that it is back", `document.getElementById('live').textContent`, func(s string) bool { return s == "live" })
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	until(b, "every step", points("first"), func(x []float64) bool {
		for i := range x {
			if x[i] != float64(i+1) {
				t.Fatalf("point %d of the curve is step %v", i, x[i])
			}
		}
		return len(x) == 375
	})

	// A second run appears, with what differs.
	second := train("second", "train.schedule.rate=0.01", "train.momentum=0.95")
	until(b, "the second run", points("second"), func(x []float64) bool { return len(x) > 0 })
	until(b, "what differs", `document.querySelector('[data-part=runs]').textContent`, func(text string) bool {
		return strings.Contains(text, "train.schedule.rate") && strings.Contains(text, "0.95") &&
			strings.Contains(text, "training")
	})
	until(b, "most of the second run", points("second"), func(x []float64) bool { return len(x) > 220 })

	// Values are read, an axis is zoomed, curves are smoothed, an image is tried.
	b.run(chromedp.SetUploadFiles("#try input", []string{b.disc()}))
	until(b, "the five classes, a disc first", `document.querySelectorAll('#guesses progress').length === 5 &&
		document.querySelector('#guesses td').textContent`, func(class any) bool { return class == "disc" })
	if *update {
		b.run(point("pointermove", 0.4))
		m, err := png.Decode(bytes.NewReader(value(b, chromedp.FullScreenshot(100))))
		if err != nil {
			t.Fatal(err)
		}
		b.write(small(m), "../../../docs/board.png")
	}
	if err := second.Wait(); err != nil {
		t.Fatal(err)
	}
	until(b, "the end", `document.querySelectorAll('td.done').length`, func(n int) bool { return n == 2 })
	b.run(point("pointerdown", 0.4), point("pointermove", 0.6), point("pointerup", 0.6))
	until(b, "a part of the axis", points("first"), func(x []float64) bool { return len(x) > 20 && len(x) < 150 })
	until(b, "values", `document.getElementById('values').textContent`, func(text string) bool {
		return strings.Contains(text, "first") && strings.Contains(text, "step")
	})
	rough := `JSON.parse(document.querySelector('[data-part=curves] script').textContent).Curves[0].Y`
	jagged := func(y []float64) (sum float64) {
		for i := range y[1:] {
			sum += max(y[i+1]-y[i], y[i]-y[i+1])
		}
		return sum
	}
	y := value(b, chromedp.Evaluate[[]float64](rough))
	b.run(chromedp.Evaluate[chromedp.Void](`(() => {
		const range = document.querySelector('[name=smooth]');
		range.value = 0.9;
		range.dispatchEvent(new Event('input', {bubbles: true}));
	})()`))
	until(b, "a smooth curve", rough, func(smooth []float64) bool { return jagged(smooth) < jagged(y)/2 })

	// Nothing was loaded again, refused by the page's policy, or from elsewhere.
	wrong := value(b, chromedp.Evaluate[[]string](`window.loadedOnce ? wrong : ['the page was loaded again']`))
	from := value(b, chromedp.Evaluate[[]string](`performance.getEntriesByType('resource').map(
		r => new URL(r.name).host).filter(h => h !== location.host)`))
	if len(wrong)+len(from) > 0 {
		t.Errorf("wrong: %q; loaded from %q", wrong, from)
	}

	// The file needs nothing.
	if out, err := exec.Command(b.program, "board", filepath.Join(b.dir, "runs"), "--save",
		filepath.Join(b.dir, "board.html")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.run(chromedp.Navigate("file://" + filepath.Join(b.dir, "board.html")))
	until(b, "the file's curve", points("second"), func(x []float64) bool { return len(x) == 375 })
	until(b, "the file's filters", drawn, func(width int) bool { return width > 100 })
	b.run(point("pointermove", 0.4))
	until(b, "the file's values", `document.getElementById('values').textContent`, func(text string) bool {
		return strings.Contains(text, "second, validation")
	})
}
