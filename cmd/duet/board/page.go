package board

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"duet"
	"duet/engine/look"
	"duet/engine/metrics"
	"duet/internal/invalid"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent":  orDash(metrics.FormatPercent),
	"rate":     orDash(metrics.FormatRate),
	"loss":     orDash(func(x float64) string { return fmt.Sprintf("%.4f", x) }),
	"duration": metrics.FormatDuration,
	"bytes":    func(n int64) string { return metrics.FormatBytes(uint64(n)) },
	"visible":  invalid.Printable,
	"has":      func(all []string, one string) bool { return slices.Contains(all, one) },
}).Parse(pageText))

func orDash(f func(x float64) string) func(x float64) string {
	return func(x float64) string {
		if math.IsNaN(x) {
			return "–"
		}
		return f(x)
	}
}

// A row is a run in the table.
type row struct {
	*run
	Colour       string
	Drawn, Shown bool
	Training     bool
	Done         float64 // 0 to 1
	Left         time.Duration
	Differs      []string // values of the board's keys
	Problem      string
}

// Percent is how much is done.
func (r row) Percent() float64 { return 100 * r.Done }

// content is what the templates show.
type content struct {
	Dir, ID        string
	Saved          string // when, if the page is a file
	Query          view
	Measures, Axes []string
	Keys           []string // of the configurations, that differ
	Rows           []row
	Shown          *row
	Charts         []chart
	Panels         []panel // of the shown run
	Log            string
	Devices        []device

	Styles     template.CSS // of a file
	Script     template.JS
	ScriptHash string
}

// gather finds what a part of the page, or all of it, shows.
func (b *Board) gather(v view, part string) (c *content, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	some, shown := b.chosen(v)
	c = &content{Dir: b.dir, ID: b.id, Query: v, Measures: look.Measures, Axes: look.Axes,
		Keys: b.keys}
	for i, r := range b.runs {
		one := row{run: r, Colour: look.Colour(i), Drawn: slices.Contains(some, r), Shown: r == shown,
			Training: r.State == duet.RunTraining, Problem: r.trouble()}
		one.Done, one.Left = r.progress()
		for _, k := range b.keys {
			one.Differs = append(one.Differs, b.differs[r.Name][k])
		}
		if c.Rows = append(c.Rows, one); r == shown {
			c.Shown = &c.Rows[i]
		}
	}
	if part == "" || part == "curves" {
		if c.Charts, err = b.charts(v); err != nil {
			return nil, err
		}
	}
	if (part == "" || part == "panels") && shown != nil {
		c.Log = b.logOf(shown)
		c.Panels = shown.panels()
	}
	return c, nil
}

// trouble is what is wrong with a run's files; "" where nothing is.
func (r *run) trouble() string {
	if r.problem != "" {
		return r.problem
	}
	if r.follower.Bad > 0 {
		return fmt.Sprintf("%s/metrics.jsonl: %d lines are not lines of metrics", r.Name, r.follower.Bad)
	}
	return ""
}

// page is the whole page.
func (b *Board) page(w http.ResponseWriter, r *http.Request) error {
	return b.write(w, r, "", "page")
}

// parts are those of the page that change, each a template.
var parts = []string{"runs", "curves", "panels", "devices"}

func (b *Board) part(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("part")
	if !slices.Contains(parts, name) {
		return refuse(http.StatusNotFound, "part %q, want one of %s", name, strings.Join(parts, ", "))
	}
	return b.write(w, r, name, name)
}

func (b *Board) write(w http.ResponseWriter, r *http.Request, part, name string) error {
	v, err := viewOf(r.URL.Query())
	if err != nil {
		return refuse(http.StatusBadRequest, "%w", err)
	}
	c, err := b.gather(v, part)
	if err != nil {
		return err
	}
	if part == "" || part == "devices" {
		c.Devices = b.deviceList()
	}
	var text bytes.Buffer
	if err := page.ExecuteTemplate(&text, name, c); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err = text.WriteTo(w)
	return err
}

// Save writes the page as one file that needs nothing else: of the newest runs, as of now.
func (b *Board) Save(w io.Writer) error {
	for more := true; more; more = b.more {
		b.state()
	}
	v, err := viewOf(nil)
	if err != nil {
		return err
	}
	c, err := b.gather(v, "")
	if err != nil {
		return err
	}
	c.Saved, c.Devices = time.Now().Format(time.DateTime), b.deviceList()
	hash := sha256.Sum256(script)
	c.Styles, c.Script = template.CSS(styles), template.JS(script)
	c.ScriptHash = base64.StdEncoding.EncodeToString(hash[:])
	all := c.Panels
	c.Panels = nil
	for _, p := range all {
		if err := p.inline(b, c.Shown.Name); err != nil {
			b.Note(err.Error())
			continue
		}
		c.Panels = append(c.Panels, p)
	}
	return page.ExecuteTemplate(w, "page", c)
}
