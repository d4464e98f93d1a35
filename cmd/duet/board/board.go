// Package board is a live page of runs, for one person's browser: which there are, what differs between their
// configurations, their curves, filters, mistakes, logs and devices, and what their networks take an image for.
//
// The server reads the folder of the runs when somebody looks, each byte of metrics.jsonl once, and draws; the page
// asks for its parts anew when the one stream of events says that something has changed. What a run's folder says is
// not trusted: it is escaped in all that is served, bounded in memory, and no link out of the folder is followed.
package board

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"duet"
	"duet/engine/backend"
)

// Options are what a board needs beside the folder of the runs. The zero value is usable.
type Options struct {
	Devices []string      // that an image is classified on, as of duet.OpenOptions; none: the best there are
	Every   time.Duration // the least time between two looks at the folder; 0: half a second
	Note    func(line string)
}

// A Board is what is known of the runs in a folder. Its methods may be called from several goroutines.
type Board struct {
	Options
	dir string

	mu      sync.Mutex
	looked  time.Time
	more    bool                         // some metrics are not read yet
	runs    []*run                       // by name
	id      string                       // of what is known: where each file was read to
	configs uint64                       // names the configurations that were compared
	keys    []string                     // that differ
	differs map[string]map[string]string // values of keys, by run

	heavy   sync.Mutex       // one checkpoint is in memory at a time
	drawn   map[string]drawn // pictures, by kind and run
	maps    kept
	devices struct {
		sync.Mutex
		asked time.Time
		all   []backend.Info
	}
}

// New looks at a folder of runs, which must be there.
func New(dir string, o Options) (*Board, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s: no folder of runs: want one that duet train has made, or --runs", dir)
	}
	o.Every = cmp.Or(o.Every, 500*time.Millisecond)
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return &Board{Options: o, dir: dir, drawn: map[string]drawn{}}, nil
}

// look reads what is new, unless it has just been done. Callers hold b.mu.
func (b *Board) look() {
	if time.Since(b.looked) < b.Every && !b.more {
		return
	}
	root, err := os.OpenRoot(b.dir)
	if err != nil { // removed; it may come back
		b.runs, b.id, b.looked = nil, "gone", time.Now()
		return
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		entries = nil
	}
	known := map[string]*run{}
	for _, r := range b.runs {
		known[r.Name] = r
	}
	all := make([]*run, len(entries))
	var readers sync.WaitGroup
	for reader := range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for i := reader; i < len(entries); i += runtime.GOMAXPROCS(0) {
				r := cmp.Or(known[entries[i].Name()], newRun(b.dir, entries[i].Name()))
				if r.read(root) {
					all[i] = r
				}
			}
		})
	}
	readers.Wait()
	b.runs = slices.DeleteFunc(all, func(r *run) bool { return r == nil })
	b.more, b.looked = false, time.Now()
	b.identify()
}

// identify gives what is known a name, the same for the same files in every process, and compares the configurations
// where they have changed.
func (b *Board) identify() {
	files, configs := fnv.New64a(), fnv.New64a()
	for _, r := range b.runs {
		fmt.Fprintln(files, r.Name, r.State, r.problem, r.follower.Position, r.files)
		fmt.Fprintln(configs, r.Name, r.files.config)
		b.more = b.more || r.more
	}
	b.id = fmt.Sprintf("%016x", files.Sum64())
	if now := configs.Sum64(); now != b.configs {
		b.configs = now
		b.compare()
	}
}

// compare finds what differs between the configurations.
func (b *Board) compare() {
	var infos []duet.RunInfo
	for _, r := range b.runs {
		if r.Config != nil {
			infos = append(infos, r.RunInfo)
		}
	}
	var values []map[string]string
	b.keys, values = duet.Differences(infos)
	b.differs = map[string]map[string]string{}
	for i, r := range infos {
		b.differs[r.Name] = values[i]
	}
}

// find is a run by its name; nil where there is none.
func (b *Board) find(name string) *run {
	i := slices.IndexFunc(b.runs, func(r *run) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return b.runs[i]
}

// state is the name of what is known now, and how many bytes of each run's metrics that is, as JSON.
func (b *Board) state() (id string, positions []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	at := map[string]int64{}
	for _, r := range b.runs {
		at[r.Name] = r.follower.Position
	}
	positions, err := json.Marshal(at)
	if err != nil {
		panic("board: " + err.Error()) // of a map of numbers
	}
	return b.id, positions
}

// errNotThere says that a run is not, or no more, in the folder.
var errNotThere = errors.New("no such run")
