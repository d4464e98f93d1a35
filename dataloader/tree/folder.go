package tree

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A folderVisit visits a folder on disk in the order of names, and then the folders that links lead to, every folder
// once: what is there by itself has its own name, whatever the links are called. Archives in it are kept for later, see
// walker.met.
type folderVisit struct {
	*walker
	in    uint16
	c     *container
	seen  map[string]string // real folder -> where it was met
	links []string          // to folders that are still to be visited; "" is the container's own
}

func (w *walker) folder(in uint16) error {
	v := &folderVisit{walker: w, in: in, c: w.containers[in], seen: map[string]string{}, links: []string{""}}
	for ; len(v.links) > 0; v.links = v.links[1:] {
		if err := v.walk(v.links[0]); err != nil {
			return err
		}
	}
	return nil
}

// walk visits the folder at a path below the container's. What is wrong with it is an error of the container's own
// folder alone.
func (v *folderVisit) walk(at string) error {
	real, err := filepath.EvalSymlinks(filepath.Join(v.c.path, filepath.FromSlash(at)))
	first, again := v.seen[real]
	var names []os.DirEntry
	switch {
	case err != nil:
	case again:
		err = fmt.Errorf("link to the folder %s", path.Join(v.c.prefix, first))
	case strings.Count(at, "/") >= maxFolderDepth:
		err = fmt.Errorf("folders nested more than %d times", maxFolderDepth)
	default:
		v.seen[real] = at
		names, err = os.ReadDir(real)
	}
	if err != nil && at != "" {
		return v.refuse(v.in, v.c.prefix+at, Refused, causeOf(err))
	}
	for _, name := range names {
		if err == nil {
			err = v.one(path.Join(at, name.Name()), filepath.Join(real, name.Name()), name)
		}
	}
	return err
}

// one visits what a folder holds under one name.
func (v *folderVisit) one(p, disk string, name os.DirEntry) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	if Hidden(name.Name()) {
		return v.showHidden(v.in, v.c.prefix, p, name.IsDir())
	}
	info, err := os.Stat(disk)
	if err != nil {
		return v.refuse(v.in, v.c.prefix+p, Refused, causeOf(err))
	}
	if !info.IsDir() {
		return v.file(v.in, p, disk, info)
	}
	if err := v.show(found{Entry: Entry{Name: v.c.prefix + p, In: v.in, Kind: Folder}}, nil); err != nil {
		return err
	}
	if name.Type()&os.ModeSymlink != 0 {
		v.links = append(v.links, p)
		return nil
	}
	return v.walk(p)
}

// file shows one file of a folder.
func (w *walker) file(in uint16, p, disk string, info os.FileInfo) error {
	name := w.containers[in].prefix + p
	if !info.Mode().IsRegular() {
		return w.refuse(in, name, Refused, "not a regular file")
	}
	if stem, _ := ArchiveStem(name); stem != "" {
		if !slices.ContainsFunc(w.roots, func(r os.FileInfo) bool { return os.SameFile(r, info) }) {
			w.met = append(w.met, Root{disk, name})
		}
		return nil
	}
	return w.show(found{Entry: Entry{Name: name, Size: info.Size(), In: in}, time: info.ModTime().UnixNano()}, nil)
}
