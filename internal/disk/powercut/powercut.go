// Package powercut is for tests of what a power cut leaves: of a file the content that it had when it was last synced,
// and
// of a folder the names that it had then.
package powercut

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"duet/internal/disk"
)

// Disk knows what has been synced since Watch.
type Disk struct {
	t     testing.TB
	mutex sync.Mutex
	nodes []*node
}

// node is a file or a folder as it was synced, whatever its names.
type node struct {
	info    fs.FileInfo
	synced  bool
	content []byte                 // of a file
	names   map[string]fs.FileInfo // of a folder
}

// Watch follows what this process syncs until the end of the test. A file that gets a name before its content is
// synced, or
// a folder before all that is in it, fails the test.
func Watch(t testing.TB) *Disk {
	d := &Disk{t: t}
	t.Cleanup(disk.Observe(d.see))
	return d
}

func (d *Disk) see(e disk.Event) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	n := d.node(e.Path)
	if n == nil {
		return
	}
	switch e.Kind {
	case disk.Synced:
		n.synced, n.content = true, d.read(e.Path)
	case disk.FolderSynced:
		n.synced, n.names = true, map[string]fs.FileInfo{}
		entries, err := os.ReadDir(e.Path)
		d.check(err)
		for _, x := range entries {
			if info, err := x.Info(); err == nil { // else it was removed meanwhile
				n.names[x.Name()] = info
			}
		}
	case disk.Renamed:
		d.within(e.Path, "was renamed to its name")
	}
}

// Has fails the test unless all at path would be there after a power cut now, found from the folder root on, which was
// there
// before. Hidden files may be lost, as may what ends in one of but.
func (d *Disk) Has(root, path string, but ...string) {
	d.t.Helper()
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.within(path, "is there", but...)
	for at := path; at != root; at = filepath.Dir(at) {
		d.named(at)
	}
}

// within checks the contents of all files at path, and the names in all folders.
func (d *Disk) within(path, what string, but ...string) {
	d.t.Helper()
	d.check(filepath.WalkDir(path, func(at string, x fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		lost := at != path && strings.HasPrefix(x.Name(), ".")
		for _, end := range but {
			lost = lost || strings.HasSuffix(at, end)
		}
		switch n := d.node(at); {
		case lost && x.IsDir():
			return filepath.SkipDir
		case lost:
			return nil
		case !x.IsDir() && (n == nil || !n.synced):
			d.t.Errorf("%s %s, but was never synced", at, what)
		case !x.IsDir() && !bytes.Equal(n.content, d.read(at)):
			d.t.Errorf("%s %s, but was written to after it was synced", at, what)
		}
		if at != path {
			d.named(at)
		}
		return nil
	}))
}

// named checks that a folder was synced after it had got a name.
func (d *Disk) named(path string) {
	d.t.Helper()
	folder, n := d.node(filepath.Dir(path)), d.node(path)
	if folder == nil || n == nil || folder.names[filepath.Base(path)] == nil ||
		!os.SameFile(folder.names[filepath.Base(path)], n.info) {
		d.t.Errorf("%s is there, but its folder was not synced since", path)
	}
}

// node is what is at a path; nil when there is nothing.
func (d *Disk) node(path string) *node {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	for _, n := range d.nodes {
		if os.SameFile(n.info, info) {
			return n
		}
	}
	n := &node{info: info}
	d.nodes = append(d.nodes, n)
	return n
}

func (d *Disk) read(path string) []byte {
	d.t.Helper()
	data, err := os.ReadFile(path)
	d.check(err)
	return data
}

func (d *Disk) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Error(err)
	}
}
