package board

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"duet"
	"duet/engine/backend"
	"duet/internal/invalid"
)

// logOf is the end of a run's log.
func (b *Board) logOf(r *run) string {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return err.Error()
	}
	defer root.Close()
	text, err := r.bytes(root, "log.txt", mostLog)
	if err != nil {
		return ""
	}
	if _, rest, cut := strings.Cut(string(text), "\n"); cut && len(text) == mostLog {
		text = []byte(rest)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	for i := range lines {
		lines[i] = invalid.Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// filters are a drawn checkpoint.
type filters struct {
	of  stamp
	png []byte
	err error
}

// filtersURL is where the picture of a run's filters is, another one for each checkpoint.
func (r *run) filtersURL() template.URL {
	q := url.Values{"run": {r.Name}, "of": {fmt.Sprintf("%s-%d", path.Base(r.checkpoint), r.files.checkpoint.written)}}
	return template.URL("/filters.png?" + q.Encode())
}

// newest is a run's newest checkpoint: where it is, now.
func (b *Board) newestOf(name string) (file string, of stamp, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	r := b.find(name)
	if r == nil {
		return "", of, refuse(http.StatusNotFound, "run=%q: %w", name, errNotThere)
	}
	if r.checkpoint == "" {
		return "", of, refuse(http.StatusNotFound, "run=%q has no checkpoint yet", name)
	}
	return filepath.Join(b.dir, filepath.FromSlash(r.checkpoint)), r.files.checkpoint, nil
}

// filtersOf draws the filters of a run's newest checkpoint as PNG, once for each.
func (b *Board) filtersOf(name string) ([]byte, error) {
	file, of, err := b.newestOf(name)
	if err != nil {
		return nil, err
	}
	b.pictures.Lock()
	defer b.pictures.Unlock()
	f := b.filters[name]
	if f.of == of {
		return f.png, f.err
	}
	f = filters{of: of}
	f.png, f.err = drawFilters(file)
	if len(b.filters) > 64 {
		clear(b.filters)
	}
	b.filters[name] = f
	return f.png, f.err
}

func drawFilters(file string) ([]byte, error) {
	x, err := duet.ReadFilters(file, "")
	if err != nil {
		return nil, err
	}
	return x.Sheet().Encode(".png")
}

func (b *Board) filtersPicture(w http.ResponseWriter, r *http.Request) error {
	png, err := b.filtersOf(r.URL.Query().Get("run"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, err = w.Write(png)
	return err
}

// A device is one that this program can run on.
type device struct {
	backend.Info
	Used float64 // part of the memory, 0 to 1
}

// deviceList asks for the devices, at most every ten seconds: that of a GPU takes a moment.
func (b *Board) deviceList() (all []device) {
	d := &b.devices
	d.Lock()
	defer d.Unlock()
	if time.Since(d.asked) > 10*time.Second {
		d.all = nil
		for _, one := range backend.Backends() {
			if found, err := one.List(); err == nil { // a GPU backend on a machine without a GPU
				d.all = append(d.all, found...)
			}
		}
		d.asked = time.Now()
	}
	for _, one := range d.all {
		used := 0.0
		if one.TotalBytes > 0 {
			used = 1 - float64(one.FreeBytes)/float64(one.TotalBytes)
		}
		all = append(all, device{one, used})
	}
	return all
}
