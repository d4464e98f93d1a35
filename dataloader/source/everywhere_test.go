package source_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// mixed is a source of each form with all that may lie in one: folders, hidden files, archives, tables, links.
func mixed(t *testing.T) map[string]string {
	f := laid("cats/{a,b}.png", "dogs/{a,b,.x}.png", ".old/{a,b}.png", "lost+found/a.png")
	f["cats/empty/"], f["notes.txt"], f["weights.csv"], f["dogs/old.tif"] = nil, []byte("none"),
		[]byte("cat,kg\na,3\n"), []byte("II")
	more := []tar.Header{
		{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "of git"}},
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "dogs/hard.png", Linkname: "cats/a.png", Typeflag: tar.TypeLink},
	}
	inner := mini.Join(f, mini.Files{"birds.tar": laid("a.png", ".b.png").Tarred(t)})
	zipped := mini.Join(f, mini.Files{"./": nil})
	folder := mini.Join(f, mini.Files{"n01440764.zip": readFile(t, laid("a.png", "b.png").Zip(t, "a.zip", 0))}).Folder(t)
	check(t, os.Symlink("cats", filepath.Join(folder, "more cats")))
	check(t, os.Symlink("nowhere", filepath.Join(folder, "nothing.png")))
	return map[string]string{"folder": folder, "tar": inner.Tar(t, "a.tar", more...),
		"tar.gz": inner.Tar(t, "a.tar.gz", more...),
		"zip":    zipped.Zip(t, "a.zip", 8)}
}

// asked is a context that is canceled from the n-th time on that it is asked.
type asked struct {
	context.Context
	left int
}

func (a *asked) Err() error {
	if a.left--; a.left < 0 {
		return context.Canceled
	}
	return nil
}

// everyTime runs f with n = 0, 1, 2, ... while it fails, and holds that every failure is the one; that f ends well is
// only after at least so many failures.
func everyTime(t *testing.T, what string, least int, f func(n int) error, one func(error) bool) {
	t.Helper()
	for n := 0; ; n++ {
		err := f(n)
		if err == nil {
			if n < least {
				t.Errorf("%s: fails %d times, want at least %d", what, n, least)
			}
			return
		}
		if !one(err) || n > 1000 {
			t.Errorf("%s, the %d-th time: %v", what, n, err)
			return
		}
	}
}

// However far it is, listing and reading end with their context, with the error of emit, and at the bound on files.
func TestEndsAnywhere(t *testing.T) {
	canceled := func(err error) bool { return errors.Is(err, context.Canceled) }
	for form, path := range mixed(t) {
		s := open(t, source.Options{Format: "folders"}, path)
		images := len(s.Items)
		everyTime(t, form+": list until canceled", 9, func(n int) error {
			_, err := s.List(&asked{t.Context(), n}, nil)
			return err
		}, canceled)
		check(t, func() error { _, err := s.List(t.Context(), nil); return err }())
		everyTime(t, form+": read until canceled", images, func(n int) error {
			seen := 0
			err := s.Read(&asked{t.Context(), n}, nil, func(int, source.Fetch) error { seen++; return nil })
			if err == nil && seen != images {
				return fmt.Errorf("%d of %d images were read", seen, images)
			}
			return err
		}, canceled)
		stop := errors.New("stop")
		everyTime(t, form+": emit fails", images, func(n int) error {
			return s.Read(t.Context(), nil, func(item int, _ source.Fetch) error {
				if n--; n < 0 {
					return stop
				}
				return nil
			})
		}, func(err error) bool { return errors.Is(err, stop) })
		everyTime(t, form+": so many files", 11, func(n int) error {
			defer source.LimitMembers(n)()
			_, err := s.List(t.Context(), nil)
			return err
		}, func(err error) bool {
			text := err.Error()
			return strings.Contains(text, path) && strings.Contains(text, " files")
		})
	}
}

// A source of more archives than there may be is refused, with the name of the first that is too many.
func TestTooManyArchives(t *testing.T) {
	dir := mini.Files{"cats.tar": laid("a.png").Tarred(t), "dogs.tar": laid("a.png").Tarred(t)}.Folder(t)
	table := mini.Write(t, "labels.csv", []byte("a,b\n"))
	for n, want := range []string{dir, "cats.tar", "dogs.tar"} {
		restore := source.LimitContainers(n)
		lacks(t, failure(source.Options{}, dir), want, fmt.Sprintf("more than %d archives", n))
		restore()
	}
	restore := source.LimitContainers(1)
	lacks(t, failure(source.Options{}, laid("a.png", "b.png").Folder(t), table), "more than 1 archives")
	restore()
	restore = source.LimitContainers(3)
	check(t, failure(source.Options{}, dir))
	restore()
}

// A source that is gone, or cut, after it was listed is lost: no image is taken for damaged, and it cannot be listed
// again.
func TestLost(t *testing.T) {
	for form, path := range everyContainer(t, mini.Animals(3)) {
		s := open(t, source.Options{}, path)
		var fetches []source.Fetch
		check(t, s.Read(t.Context(), nil, func(_ int, fetch source.Fetch) error {
			fetches = append(fetches, fetch)
			return nil
		}))
		check(t, s.Close()) // which closes what was opened
		check(t, os.RemoveAll(path))
		err := s.Read(t.Context(), nil, func(_ int, fetch source.Fetch) error {
			_, err := fetch(nil)
			return err
		})
		if form == "tar.gz" { // it is read as a whole, and what passed stays
			lacks(t, err, path, "no such file")
		} else if !errors.Is(err, source.ErrLost) || strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want an ErrLost without the path", form, err)
		}
		for i, fetch := range fetches {
			if _, err := fetch(nil); (form == "tar.gz") != (err == nil) || err != nil && !errors.Is(err, source.ErrLost) {
				t.Errorf("%s: image %d: error %v", form, i, err)
			}
		}
		if form != "folder" {
			if err := s.Unchanged(); !errors.Is(err, source.ErrLost) {
				t.Errorf("%s: Unchanged says %v, want an ErrLost", form, err)
			}
		}
		_, err = s.List(t.Context(), nil)
		lacks(t, err, path, "no such file")
		lacks(t, s.Read(t.Context(), nil, nil), "before List")
	}
}

// A stream that is cut, or has fewer members, than when it was listed is an error that names it.
func TestStreamChanges(t *testing.T) {
	f := mini.Animals(3)
	path := f.Tar(t, "a.tar.gz")
	whole := readFile(t, path)
	s := open(t, source.Options{}, path)
	for _, it := range s.Items {
		if it.Size != int64(len(f[it.Name])) {
			t.Errorf("%s has %d bytes, want %d", it.Name, it.Size, len(f[it.Name]))
		}
	}
	fewer := mini.Join(f)
	delete(fewer, "cats/a.png") // the last one
	for want, data := range map[string][]byte{
		"unexpected EOF": whole[:len(whole)/2], "damaged archive": append(whole[:10:10], 0xff, 0xff, 0xff),
		"cats/a.png is not there": mini.Gzipped(fewer.Tarred(t)),
	} {
		check(t, os.WriteFile(path, data, 0o666))
		lacks(t, s.Read(t.Context(), nil, emitNothing), path, want)
	}
	check(t, os.WriteFile(path, []byte("no gzip at all"), 0o666))
	lacks(t, s.Read(t.Context(), nil, emitNothing), path, "damaged archive: gzip: invalid header")
}

// A packed set is taken alone, and what is named as one must be one.
func TestPackedAlone(t *testing.T) {
	animals := mini.Animals(1).Folder(t)
	set := mini.Files{source.PackedFile: []byte("{}")}.Folder(t)
	folder := mini.Files{source.PackedFile + "/x": nil, "cats/a.png": plainPNG(8, 1),
		"dogs/a.png": plainPNG(8, 2)}.Folder(t)
	o := source.Options{Packed: func(string) (source.Source, error) { return nil, errors.New("opened") }}
	lacks(t, failure(o, set), "opened")
	lacks(t, failure(o, set, animals), set, "want a packed set alone")
	o.Format = "packed"
	lacks(t, failure(o, animals, set), "want a packed set alone")
	lacks(t, failure(o, folder), "want a packed set alone, a folder with set.json in it")
	o.Format = "folders"
	lacks(t, failure(o, set, animals), "want a packed set alone")
	open(t, source.Options{Packed: o.Packed}, folder) // where a folder has the file's name
}

// A file that is shorter than it was listed is lost; of a .zip the member is damaged.
func TestShorter(t *testing.T) {
	f := mini.Animals(2)
	f["dogs/b.png"] = append(f["dogs/b.png"], make([]byte, 20_000)...)
	for form, path := range map[string]string{"folder": f.Folder(t), "tar": f.Tar(t, "a.tar"),
		"zip": f.Zip(t, "a.zip", 0)} {
		s := open(t, source.Options{}, path)
		cut := path
		if form == "folder" {
			cut = filepath.Join(path, "dogs", "b.png")
		}
		at := int64(10_000)
		check(t, os.Truncate(cut, at))
		var lost, bad []string
		check(t, s.Read(t.Context(), nil, func(i int, fetch source.Fetch) error {
			if _, err := fetch(nil); errors.Is(err, source.ErrLost) {
				lost = append(lost, s.Items[i].Name)
			} else if err != nil {
				bad = append(bad, s.Items[i].Name)
			}
			return nil
		}))
		switch {
		case form == "folder" && (!slices.Equal(lost, []string{"dogs/b.png"}) || len(bad) > 0),
			form == "tar" && (!slices.Contains(lost, "dogs/b.png") && len(lost) == 0 || len(bad) > 0),
			form == "zip" && (len(lost) > 0 || len(bad) == 0):
			t.Errorf("%s: lost %q, damaged %q", form, lost, bad)
		}
	}
}
