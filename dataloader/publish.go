package dataloader

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// A publication is a folder in the making: OUT.partial, which becomes OUT when it is whole.
type publication struct {
	dir, out string
	lock     *os.File // held while this process writes; a killed process holds nothing
}

const lockName = "lock"

// newPublication makes OUT.partial, empty. What a killed process left there is removed.
func newPublication(out string) (*publication, error) {
	out = filepath.Clean(out)
	p := &publication{dir: out + ".partial", out: out}
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
	entries, err := os.ReadDir(p.dir)
	for _, e := range entries {
		if err == nil && e.Name() != lockName {
			err = os.RemoveAll(filepath.Join(p.dir, e.Name()))
		}
	}
	if err != nil {
		p.abandon()
		return nil, err
	}
	return p, nil
}

// publish puts the folder in its place. Its files must be on disk already.
func (p *publication) publish() error {
	if err := os.Remove(filepath.Join(p.dir, lockName)); err != nil {
		return err
	}
	for _, dir := range []string{"train", "val", ""} {
		if err := syncFolder(filepath.Join(p.dir, dir)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if err := os.Rename(p.dir, p.out); err != nil {
		return err
	}
	p.lock.Close()
	p.lock = nil
	return syncFolder(filepath.Dir(p.out))
}

// abandon removes the folder unless it was published.
func (p *publication) abandon() {
	if p.lock == nil {
		return
	}
	os.RemoveAll(p.dir) // best effort: the next Prepare tries again
	p.lock.Close()
	p.lock = nil
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// writeFile writes a whole file and waits until it is on disk.
func writeFile(path string, parts ...[]byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	for _, data := range parts {
		if _, err := f.Write(data); err != nil {
			f.Close()
			return err
		}
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func writeSetInfo(dir string, info setInfo) error {
	info.Format, info.Version = setFormat, setVersion
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, setFile), append(data, '\n'))
}
