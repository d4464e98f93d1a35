package prepare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A partial is a set in the making, OUT.partial; the package comment says what it holds.
type partial struct {
	dir, out string
	lock     *os.File // nil once the folder is given up
	useless  bool     // what it holds will never be gone on with
}

const (
	lockName    = "lock"
	begunName   = "begun.json"
	setFolder   = "set"
	stateFolder = "state"
)

// begun is what a preparation has to agree in with the one that it goes on with.
type begun struct {
	Request     json.RawMessage `json:"request"`
	Decoder     string          `json:"decoder"`
	Fingerprint string          `json:"fingerprint"` // of the listing
}

func partialFolder(out string) string { return filepath.Clean(out) + ".partial" }

// set is the folder of the set itself.
func (p *partial) set() string { return filepath.Join(p.dir, setFolder) }

// lockPartial makes OUT.partial, or takes the one that is there.
func lockPartial(out string) (*partial, error) {
	p := &partial{dir: partialFolder(out), out: filepath.Clean(out)}
	if err := os.MkdirAll(p.dir, 0o777); err != nil {
		return nil, err
	}
	var err error
	if p.lock, err = os.OpenFile(filepath.Join(p.dir, lockName), os.O_CREATE|os.O_RDWR, 0o666); err != nil {
		return nil, err
	}
	if !lockFile(p.lock) {
		p.lock.Close()
		return nil, fmt.Errorf("%s is being prepared by another process (it holds %s)", out, p.dir)
	}
	return p, nil
}

// begin compares with what is there, and removes what cannot be gone on with. Finished shards of another request are only
// removed when restart is asked for.
func (p *partial) begin(b begun, r Request, restart bool) error {
	data, err := os.ReadFile(filepath.Join(p.dir, begunName))
	var was begun
	known := err == nil && json.Unmarshal(data, &was) == nil
	if known && was.Decoder == b.Decoder && was.Fingerprint == b.Fingerprint && r.Difference(was.Request) == "" && !restart {
		return nil
	}
	if known && !restart && len(p.kept("train"))+len(p.kept("val")) > 0 {
		var why string
		switch {
		case r.Difference(was.Request) != "":
			why = "this asks for " + r.Difference(was.Request)
		case was.Decoder != b.Decoder:
			why = fmt.Sprintf("JPEG files were decoded by %s, and would be by %s now", was.Decoder, b.Decoder)
		default:
			why = "the source has changed since"
		}
		return fmt.Errorf("%s holds finished shards of an interrupted preparation, but %s: repeat the command that began it, or give --restart to begin anew", p.dir, why)
	}
	if err := p.clear(); err != nil {
		return err
	}
	if data, err = json.MarshalIndent(b, "", "  "); err != nil {
		return err
	}
	for _, folder := range []string{setFolder, stateFolder} {
		if err := os.MkdirAll(filepath.Join(p.dir, folder), 0o777); err != nil {
			return err
		}
	}
	return replaceFile(filepath.Join(p.dir, begunName), append(data, '\n'))
}

// clear removes everything but the lock.
func (p *partial) clear() error {
	entries, err := os.ReadDir(p.dir)
	for _, e := range entries {
		if err == nil && e.Name() != lockName {
			err = os.RemoveAll(filepath.Join(p.dir, e.Name()))
		}
	}
	return err
}

// publish puts the set in its place. Its files must be on disk already.
func (p *partial) publish() error {
	for _, dir := range []string{"train", "val", ""} {
		if err := syncFolder(filepath.Join(p.set(), dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(p.set(), p.out); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(p.out)); err != nil {
		return err
	}
	p.remove()
	return nil
}

// leave gives the folder up: kept when it has a finished shard, so that the next run goes on, else removed.
func (p *partial) leave() (kept bool) {
	if p.lock == nil {
		return false
	}
	if p.useless || len(p.kept("train"))+len(p.kept("val")) == 0 {
		p.remove()
		return false
	}
	p.lock.Close()
	p.lock = nil
	return true
}

func (p *partial) remove() {
	os.RemoveAll(p.dir) // best effort: the next run tries again
	p.lock.Close()
	p.lock = nil
}

// removePublished removes what a process left that was killed after it had published its set.
func removePublished(out string) {
	if _, err := os.Stat(filepath.Join(partialFolder(out), begunName)); err != nil {
		return
	}
	p, err := lockPartial(out)
	if err != nil {
		return
	}
	if _, err := os.Stat(p.set()); errors.Is(err, fs.ErrNotExist) {
		p.remove()
		return
	}
	p.lock.Close()
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// replaceFile writes a file so that it is there whole or not at all, and waits until it is on disk.
func replaceFile(path string, data []byte) error {
	fresh := path + ".new"
	f, err := os.Create(fresh)
	if err != nil {
		return err
	}
	_, err = bytes.NewReader(data).WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
