package board

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"duet"
)

// a tester has a folder of runs and its board, as a browser sees it.
type tester struct {
	testing.TB
	*Board
	dir string
	web http.Handler
}

func newTester(t testing.TB) *tester {
	dir := filepath.Join(t.TempDir(), "runs")
	b := &tester{TB: t, dir: dir}
	b.check(os.Mkdir(dir, 0o777))
	var err error
	b.Board, err = New(dir, Options{Every: time.Nanosecond, Note: func(line string) { t.Log(line) }})
	b.check(err)
	b.web = b.Handler("127.0.0.1")
	return b
}

func (b *tester) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// write adds to a file of a run.
func (b *tester) write(run, file, text string) {
	b.Helper()
	path := filepath.Join(b.dir, run, file)
	b.check(os.MkdirAll(filepath.Dir(path), 0o777))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	b.check(err)
	_, err = f.WriteString(text)
	b.check(err)
	b.check(f.Close())
}

// begin makes the folder of a run of the smoke preset.
func (b *tester) begin(run string, sets ...string) {
	b.Helper()
	c, err := duet.Load("smoke", sets...)
	b.check(err)
	b.write(run, "config.toml", string(c.TOML()))
}

func steps(first, last int) string {
	var s strings.Builder
	for i := first; i <= last; i++ {
		fmt.Fprintf(&s, `{"step":%d,"epoch":%g,"loss":%g,"learning_rate":0.01,"images_per_second":100,`+
			`"train_top1_error":0.5,"data_wait_ms":2}`+"\n", i, float64(i)/32, 1/float64(i))
	}
	return s.String()
}

// ask asks for a page with headers, as "Origin: x".
func (b *tester) ask(method, url string, body []byte, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequest(method, url, bytes.NewReader(body))
	r.Host = "127.0.0.1:6012"
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		if r.Header.Set(key, value); key == "Host" {
			r.Host = value
		}
	}
	w := httptest.NewRecorder()
	b.web.ServeHTTP(w, r)
	return w
}

// get wants a page, and texts in it.
func (b *tester) get(url string, wants ...string) string {
	b.Helper()
	w := b.ask("GET", url, nil)
	if w.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", url, w.Code, w.Body)
	}
	for _, want := range wants {
		if !strings.Contains(w.Body.String(), want) {
			b.Errorf("%s: no %q in\n%.3000s", url, want, w.Body)
		}
	}
	return w.Body.String()
}

// drawn is how many points the curves of a chart have in all.
func (b *tester) drawn(of string) (points int) {
	b.Helper()
	page := b.get("/part/curves?of=" + of)
	for _, x := range regexp.MustCompile(`"Colour":"[^"]*","X":\[([^]]*)\]`).FindAllStringSubmatch(page, -1) {
		points += strings.Count(x[1], ",") + 1
	}
	return points
}

// TestGrows: what is appended is drawn, half a line waits, runs appear and disappear, and a resumed one is cut back.
func TestGrows(t *testing.T) {
	b := newTester(t)
	b.get("/", "No runs yet")
	b.begin("a")
	b.write("a", "metrics.jsonl", steps(1, 10)+steps(11, 11)[:20])
	b.write("a", "log.txt", "level=INFO msg=training step=0\n")
	b.write("a", "notes.txt", "no run's")
	b.write("stray", "notes.txt", "no run")
	if n := b.drawn("loss"); n != 10 {
		t.Errorf("%d points, want 10", n)
	}
	b.get("/part/runs", ">a</button>", "stopped", `<td class="n">10</td>`, `<progress value="0.0390625">`)
	b.write("a", "metrics.jsonl", steps(11, 11)[20:]+steps(12, 12))
	if n := b.drawn("loss"); n != 12 {
		t.Errorf("%d points after two more steps, want 12", n)
	}
	before, _ := b.state()
	b.begin("b", "train.momentum=0.5")
	b.write("b", "metrics.jsonl", steps(1, 3)+`{"step":3,"epoch":0.1,"val_loss":1,"val_top1_error":0.25}`+"\n")
	after, positions := b.state()
	if before == after || !strings.Contains(string(positions), fmt.Sprintf(`"a":%d,`, len(steps(1, 12)))) {
		t.Errorf("state %s %s, before %s", after, positions, before)
	}
	b.get("/part/runs", ">b</button>", "train.momentum", "<td>0.5</td>", "<td>0.9</td>", "25.00 %")
	if n := b.drawn("loss"); n != 12+3+1 {
		t.Errorf("%d points of two runs, want 16", n)
	}
	if n := strings.Count(b.get("/part/curves?of=loss&of=speed&run=b"), "<figure>"); n != 2 {
		t.Errorf("%d charts, want 2", n)
	}
	b.check(os.WriteFile(filepath.Join(b.dir, "a", "metrics.jsonl"), []byte(steps(1, 4)), 0o666))
	b.check(os.RemoveAll(filepath.Join(b.dir, "b")))
	if n := b.drawn("loss"); n != 4 {
		t.Errorf("%d points of what is left, want 4", n)
	}
	if page := b.get("/"); strings.Contains(page, ">b</button>") || strings.Contains(page, "stray") {
		t.Errorf("a run that is gone, or none, is shown:\n%s", page)
	}
	b.check(os.RemoveAll(b.dir))
	b.get("/", "No runs yet")
}

// TestZoom: a part of the axis has the points in it, and one at each side.
func TestZoom(t *testing.T) {
	b := newTester(t)
	b.begin("a")
	b.write("a", "metrics.jsonl", steps(1, 100))
	b.get("/part/curves?of=loss&from=20&to=30", `"X":[19,20,21,22,23,24,25,26,27,28,29,30,31]`, `"X":[20,30]`)
	b.get("/part/curves?of=loss&from=9e18&to=9.00000000000001e18&smooth=0.5") // no ticks without end
}

// TestRefuses what was not asked of this server, or is impossible.
func TestRefuses(t *testing.T) {
	b := newTester(t)
	b.begin("a")
	b.write("secret", "notes.txt", "secret")
	for _, c := range []struct {
		method, url, header string
		status              int
		says                string
	}{
		{"GET", "/", "Host: localhost:6012", 200, ""},
		{"GET", "/", "Host: [::1]:6012", 200, ""},
		{"GET", "/", "Host: evil.com:6012", 403, `host "evil.com:6012", want localhost`},
		{"GET", "/", "Host: 10.0.0.1", 403, "want localhost or 127.0.0.1"},
		{"GET", "/metrics", "Host: ", 403, "want localhost"},
		{"GET", "/none", "", 404, ""},
		{"GET", "/../secret/notes.txt", "", 307, ""}, // to what follows
		{"GET", "/secret/notes.txt", "", 404, ""},
		{"GET", "/part/none", "", 404, "want one of runs, curves"},
		{"GET", "/?of=x", "", 400, `of="x", want some of loss, error`},
		{"GET", "/?by=x", "", 400, `by="x", want one of step, epoch, hour`},
		{"GET", "/?smooth=1", "", 400, "smooth=1, want at least 0 and less than 1"},
		{"GET", "/?from=NaN", "", 400, `from="NaN", want a number`},
		{"GET", "/filters.png?run=a", "", 404, `run="a" has no checkpoint yet`},
		{"GET", "/filters.png?run=../secret", "", 404, "no such run"},
		{"POST", "/", "Origin: http://127.0.0.1:6012", 405, ""},
		{"POST", "/predict?run=a", "", 403, `origin "", want http://127.0.0.1:6012`},
		{"POST", "/predict?run=a", "Origin: http://evil.com", 403, `origin "http://evil.com"`},
		{"POST", "/predict?run=a", "Origin: http://127.0.0.1:6013", 403, "want http://127.0.0.1:6012"},
		{"POST", "/predict?run=a", "Origin: http://127.0.0.1:6012", 404, "has no checkpoint yet"},
	} {
		w := b.ask(c.method, c.url, nil, c.header)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.url, c.header, w.Code, w.Body, c.status, c.says)
		}
		if csp := w.Header().Get("Content-Security-Policy"); csp != "default-src 'self'" {
			t.Errorf("%s: policy %q", c.url, csp)
		}
	}
	all := b.Handler("0.0.0.0")
	for host, status := range map[string]int{"10.0.0.1:6012": 200, "evil.com:6012": 403} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if all.ServeHTTP(w, r); w.Code != status {
			t.Errorf("%s of a server at all addresses: %d, want %d", host, w.Code, status)
		}
	}
	if _, err := New(filepath.Join(b.dir, "none"), Options{}); err == nil || !strings.Contains(err.Error(), "want one") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestHostile: no file of a run, and no name, puts anything into the page but text.
func TestHostile(t *testing.T) {
	b := newTester(t)
	const evil = `"><img src=x onerror=alert(1)>'"</script><script>alert(2)</script>`
	b.begin(strings.ReplaceAll(evil, "/", "|"), `data.path="<script>alert(3)</script>"`)
	b.begin("b\n\x1b[31m\xff", "train.seed=2")
	b.begin("c")
	for _, name := range []string{strings.ReplaceAll(evil, "/", "|"), "b\n\x1b[31m\xff"} {
		b.write(name, "metrics.jsonl", evil+"\n"+steps(1, 3)+`{"step":4,"loss":"`+`<script>alert(4)</script>"}`+"\n")
		b.write(name, "log.txt", evil+"\n\x1b[2J\n")
	}
	b.write("broken", "config.toml", `"`+strings.ReplaceAll(evil, `"`, `'`)+`" = 1`)
	var saved bytes.Buffer
	b.check(b.Save(&saved))
	q := "?show=" + strings.NewReplacer("\"", "%22", "<", "%3C", ">", "%3E", " ", "%20").Replace(
		strings.ReplaceAll(evil, "/", "|"))
	for what, page := range map[string]string{"page": b.get("/" + q), "other": b.get("/"), "file": saved.String()} {
		rest := page
		for _, own := range []string{`<script src="/board.js" defer></script>`, "<script>" + string(script) + "</script>"} {
			rest = strings.ReplaceAll(rest, own, "")
		}
		rest = strings.ReplaceAll(rest, `<script type="application/json">`, "")
		if strings.Contains(rest, "<script") || strings.Contains(rest, "<img src=x") || strings.Contains(rest, " style=") {
			t.Errorf("%s:\n%s", what, rest)
		}
		for _, json := range regexp.MustCompile(`(?s)json">(.*?)</script>`).FindAllStringSubmatch(page, -1) {
			if strings.ContainsAny(json[1], "<>") {
				t.Errorf("%s: a name ends its script: %s", what, json[1])
			}
		}
	}
	b.get("/"+q, "&gt;&lt;img src=x", "2 lines are not lines of metrics", "broken/config.toml")
}

// TestLinks: what lies outside of the folder of the runs is not shown, whatever links to it; nor is what is no file
// waited for.
func TestLinks(t *testing.T) {
	b := newTester(t)
	outside := filepath.Join(filepath.Dir(b.dir), "outside")
	b.begin("../outside/run")
	b.write("../outside/run", "log.txt", "a secret")
	b.write("../outside/run", "metrics.jsonl", steps(1, 5))
	b.write("../outside/run", "mistakes.json", `{"classes":["secret"]}`)
	b.check(os.Symlink(filepath.Join(outside, "run"), filepath.Join(b.dir, "linked")))
	b.begin("inside")
	for _, file := range []string{"log.txt", "metrics.jsonl", "mistakes.json", "checkpoints"} {
		b.check(os.Symlink(filepath.Join(outside, "run", file), filepath.Join(b.dir, "inside", file)))
	}
	b.write("../outside/run/checkpoints", "step-00000001.safetensors", "x")
	b.check(os.Mkdir(filepath.Join(b.dir, "folders"), 0o777))
	b.check(os.Mkdir(filepath.Join(b.dir, "folders", "config.toml"), 0o777))
	page := b.get("/?show=inside", ">inside</button>")
	for _, no := range []string{"secret", "linked", "folders", `"X":[`, "filters.png", "worst.png", "confusion.png"} {
		if strings.Contains(page, no) {
			t.Errorf("%q is shown:\n%s", no, page)
		}
	}
	if w := b.ask("GET", "/filters.png?run=inside", nil); w.Code != http.StatusNotFound {
		t.Errorf("filters of a linked checkpoint: %d %s", w.Code, w.Body)
	}
}

// TestLong: a file of metrics of a gigabyte, of which most is no line, takes little memory and time.
func TestLong(t *testing.T) {
	b := newTester(t)
	b.begin("a")
	b.write("a", "metrics.jsonl", steps(1, 20_000))
	b.check(os.Truncate(filepath.Join(b.dir, "a", "metrics.jsonl"), 1<<30))
	b.write("a", "metrics.jsonl", "\n"+steps(20_001, 20_002))
	before := heap()
	for begun := time.Now(); ; {
		if page := b.get("/part/runs"); strings.Contains(page, `<td class="n">20002</td>`) {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("a minute later it is not read")
		}
	}
	if took := heap() - before; took > 16<<20 {
		t.Errorf("%d bytes are in use for it, want at most 16 MiB", took)
	}
	if n := b.drawn("loss"); n > mostDrawn || n < 1000 {
		t.Errorf("%d points are drawn", n)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTrained: of a real run there are filters, and its network tells what an image shows.
func TestTrained(t *testing.T) {
	b := newTester(t)
	c, err := duet.Load("smoke", `devices.towers=["reference:0"]`, "data.packed="+filepath.Join(t.TempDir(), "set"),
		"data.generated.train=32", "data.generated.val=8", "train.max_steps=2", "train.validate_epochs=0",
		"train.validate_steps=2", "train.checkpoint_epochs=0")
	b.check(err)
	b.Board.Options.Devices = []string{"reference:0"}
	_, err = duet.Train(context.Background(), c, duet.TrainOptions{Runs: b.dir, Run: "real"})
	b.check(err)
	page := b.get("/", "Filters, step-00000002.safetensors", "msg=done", `<td class="done">done</td>`, "reference:0")
	for _, what := range []string{"filters", "worst", "confusion"} {
		url := strings.ReplaceAll(regexp.MustCompile("/"+what+`\.png\?[^"]*`).FindString(page), "&amp;", "&")
		if png := b.get(url); !strings.HasPrefix(png, "\x89PNG") {
			t.Errorf("%s is %.20q", url, png)
		}
	}
	picture, err := os.ReadFile("../../../docs/images.png")
	b.check(err)
	const own = "Origin: http://127.0.0.1:6012"
	if w := b.ask("POST", "/predict?run=real", picture, own); w.Code != http.StatusOK ||
		strings.Count(w.Body.String(), "<progress") != 4 || !strings.Contains(w.Body.String(), "after step 2") {
		t.Errorf("an image: %d %s", w.Code, w.Body)
	}
	maps := regexp.MustCompile(`/maps\.png\?of=[^"]*`).FindString(b.ask("POST", "/predict?run=real", picture,
		own).Body.String())
	if png := b.get(maps); !strings.HasPrefix(png, "\x89PNG") {
		t.Errorf("%s is %.20q", maps, png)
	}
	if w := b.ask("GET", "/maps.png?of=0", nil); w.Code != http.StatusNotFound {
		t.Errorf("a picture that is not kept: %d", w.Code)
	}
	if w := b.ask("POST", "/predict?run=real", []byte("no image"), own); w.Code != http.StatusUnprocessableEntity ||
		!strings.Contains(w.Body.String(), "want JPEG") {
		t.Errorf("no image: %d %s", w.Code, w.Body)
	}
	var saved bytes.Buffer
	b.check(b.Save(&saved))
	if n := strings.Count(saved.String(), "data:image/png;base64,"); n != 3 {
		t.Errorf("the file has %d pictures, want 3", n)
	}
	for _, want := range []string{"<style>", "default-src 'none'", "msg=done"} {
		if !strings.Contains(saved.String(), want) {
			t.Errorf("the file has no %s", want)
		}
	}
	for _, no := range []string{"src=\"/", "href=", "http://"} {
		if page := strings.ReplaceAll(saved.String(), "http://www.w3.org/", ""); strings.Contains(page, no) {
			t.Errorf("the file wants something at %s", no)
		}
	}
}
