package prepare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"duet/dataloader/layout"
	"duet/dataloader/source"
	"duet/internal/disk"
)

// A partial is a set in the making, OUT.partial; the package comment says what it holds.
type partial struct {
	dir, out string
	lock     *os.File // nil once the folder is given up
	useless  bool     // what it holds will never be gone on with
	agreed   bool     // what it holds is of this request
}

const (
	lockName    = "lock"
	begunName   = "begun.json"
	setFolder   = "set"
	stateFolder = "state"
)

// ownNames are all that a preparation makes in the folder, in the order in which it is removed: what tells that it is
// ours last.
var ownNames = []string{setFolder, stateFolder, begunName + disk.Fresh, begunName, lockName}

// begun is what a preparation has to agree in with the one that it goes on with.
type begun struct {
	Request     json.RawMessage `json:"request"`
	Decoder     string          `json:"decoder"`
	Fingerprint string          `json:"fingerprint"` // of the listing
}

// lockIsThere says whether the locked file is still the one in the folder: another process may have removed that
// meanwhile.
func (p *partial) lockIsThere() bool {
	held, open := p.lock.Stat()
	there, named := os.Stat(p.lock.Name())
	return errors.Join(open, named) == nil && os.SameFile(held, there)
}

func partialFolder(out string) string { return out + ".partial" }

// set is the folder of the set itself.
func (p *partial) set() string { return filepath.Join(p.dir, setFolder) }

// lockPartial makes OUT.partial, or takes the one that is there.
func lockPartial(out string) (*partial, error) {
	p := &partial{dir: partialFolder(out), out: out}
	if info, err := os.Lstat(p.dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s is a symbolic link, and a set made there may lie on another file system, from which it "+
			"cannot be renamed to %s: remove the link, and name an OUT where there is room", p.dir, out)
	}
	if err := p.isOurs(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o777); err != nil {
		return nil, err
	}
	var err error
	p.lock, err = os.OpenFile(filepath.Join(p.dir, lockName), os.O_CREATE|os.O_RDWR, 0o666)
	if errors.Is(err, fs.ErrNotExist) { // another process has just removed the folder
		return nil, fmt.Errorf("%s is %w (it held %s)", out, ErrBusy, p.dir)
	}
	if err != nil {
		return nil, err
	}
	locked, err := disk.TryLock(p.lock)
	if err != nil {
		p.lock.Close()
		return nil, fmt.Errorf("%s cannot be locked against other processes (%w): name an OUT on a file system with locks",
			p.dir, err)
	}
	if !locked || !p.lockIsThere() {
		p.lock.Close()
		return nil, fmt.Errorf("%s is %w (it holds %s)", out, ErrBusy, p.dir)
	}
	return p, nil
}

// isOurs refuses a folder that is not of a preparation, as something of its names in it would be removed. What else is
// beside them stays, whatever happens.
func (p *partial) isOurs() error {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, known := p.begun(); known {
		return nil
	}
	began := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == begunName }) // but that is damaged
	for _, e := range entries {
		name := e.Name()
		full := false
		if !began && (name == setFolder || name == stateFolder) { // they are filled after that
			inside, err := os.ReadDir(filepath.Join(p.dir, name))
			full = err != nil || len(inside) > 0
		}
		if full || !strings.HasPrefix(name, ".") && !slices.Contains(ownNames, name) {
			return fmt.Errorf("%s is where the set would be made, but %s in it is not of an interrupted preparation: move it "+
				"away", p.dir, name)
		}
	}
	return nil
}

// begun reads what the preparation that made the folder was asked for.
func (p *partial) begun() (was begun, known bool) {
	data, err := os.ReadFile(filepath.Join(p.dir, begunName))
	known = err == nil && json.Unmarshal(data, &was) == nil && len(was.Request) > 0
	return was, known
}

// begin compares with what is there, and removes what cannot be gone on with. Finished shards of another request are
// only removed when restart is asked for.
func (p *partial) begin(b begun, r Request, restart bool) error {
	was, known := p.begun()
	_, noSet := os.Stat(p.set())
	_, noState := os.Stat(filepath.Join(p.dir, stateFolder))
	if known && errors.Join(noSet, noState) == nil && was.Decoder == b.Decoder && was.Fingerprint == b.Fingerprint &&
		r.Difference(was.Request) == "" && !restart {
		p.agreed = true
		return nil
	}
	kept := false
	if known && !restart {
		var err error
		if kept, err = p.anyKept(); err != nil {
			return layout.Advise("%w: try again, or give --restart to begin anew", err)
		}
	}
	if kept {
		var why string
		switch {
		case r.Difference(was.Request) != "":
			why = "this asks for " + r.Difference(was.Request) +
				": repeat the command that began it, or give --restart to begin anew"
		case was.Decoder != b.Decoder:
			why = fmt.Sprintf("JPEG files were decoded by %s, and would be by %s now: repeat it with the duet that began it, "+
				"or give --restart to begin anew", was.Decoder, b.Decoder)
		default: // no command can bring back what was
			why = "the source has changed since: give --restart to begin anew, or remove that folder"
		}
		return layout.Advise("%s holds finished shards of an interrupted preparation, but %s", p.dir, why)
	}
	data, err := json.MarshalIndent(b, "", "  ")
	if err = errors.Join(err, p.clear(), os.MkdirAll(p.set(), 0o777),
		os.MkdirAll(filepath.Join(p.dir, stateFolder), 0o777)); err != nil {
		return err
	}
	p.agreed = true
	return disk.Replace(filepath.Join(p.dir, begunName), append(data, '\n'))
}

// clear removes everything but the lock.
func (p *partial) clear() (err error) {
	for _, name := range ownNames {
		if err == nil && name != lockName {
			err = os.RemoveAll(filepath.Join(p.dir, name))
		}
	}
	return err
}

// publish puts the set in its place. Its files must be on disk already.
func (p *partial) publish() error {
	var unsynced error
	for _, dir := range []string{"train", "val", ""} {
		if err := disk.SyncFolder(filepath.Join(p.set(), dir)); !errors.Is(err, fs.ErrNotExist) {
			unsynced = errors.Join(unsynced, err)
		}
	}
	if unsynced != nil {
		return unsynced
	}
	if err := disk.Rename(p.set(), p.out); err != nil {
		return err
	}
	unsynced = disk.SyncFolder(filepath.Dir(p.out))
	if unsynced == nil {
		p.remove()
	}
	return unsynced
}

// leave gives the folder up: kept when it has a finished shard, so that the next run goes on, else removed.
func (p *partial) leave() (kept bool) {
	if p.lock == nil {
		return false
	}
	if any, err := p.anyKept(); p.useless || !any && err == nil { // what cannot be read now may be whole
		p.remove()
		return false
	}
	p.lock.Close()
	p.lock = nil
	return p.agreed
}

// remove is a best effort: the next run tries again.
func (p *partial) remove() {
	_ = p.clear()
	os.Remove(p.lock.Name())
	os.Remove(p.dir)
	p.lock.Close()
	p.lock = nil
}

// removePublished removes what a process left that was killed after it had published its set.
func removePublished(out string) {
	_, lock := os.Stat(filepath.Join(partialFolder(out), lockName))
	if _, begun := os.Stat(filepath.Join(partialFolder(out), begunName)); begun != nil && lock != nil {
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

// outside refuses an OUT within a source: the source would change while it is read.
func outside(out string, sources []string) error {
	parent := filepath.Dir(out)
	for {
		real, err := filepath.EvalSymlinks(parent)
		if err == nil {
			parent = real
			break
		}
		if up := filepath.Dir(parent); up != parent {
			parent = up
			continue
		}
		return nil
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return err
	}
	for _, path := range sources {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			real, err = filepath.Abs(real)
		}
		if info, statErr := os.Stat(path); err != nil || statErr != nil || !info.IsDir() {
			continue // it has an error of its own to come
		}
		if source.Within(parent, real) {
			return fmt.Errorf("%s lies within the source %s: name a folder outside of it", out, path)
		}
	}
	return nil
}
