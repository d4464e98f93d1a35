package board

import (
	"os"
	"path"
	"strings"
	"time"

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
	text, err := lastOf(root, path.Join(r.Name, "log.txt"), mostLog)
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
