package source_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// TestSystemFolders: what file systems and servers keep for themselves is left out and named, wherever it is, though it
// holds images, none or other folders.
func TestSystemFolders(t *testing.T) {
	for _, name := range []string{"#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "@Recycle", "lost+found",
		"System Volume Information", "RECYCLER", "FOUND.000", "#snapshot", "@Recently-Snapshot", "~snapshot",
		"Network Trash Folder", "Temporary Items", "@__thumb"} {
		f := mini.Join(mini.Animals(2), laid(name+"/old.png", name+"/S-1-5-21/{a,b}.png", "cats/"+name+"/c.png"))
		f[name+"/desktop.ini"] = nil
		want := map[string]string{name: "the system's own: not read",
			"cats/" + name: "the system's own: not read"}
		for form, path := range map[string]string{"folder": f.Folder(t), "tar": f.Tar(t, "a.tar"),
			"tar.gz": f.Tar(t, "a.tar.gz"), "zip": f.Zip(t, "a.zip", zip.Store)} {
			s := open(t, source.Options{}, path)
			if got := classIDs(s.Listing); !slices.Equal(got, []string{"cats", "dogs"}) || len(s.Items) != 4 {
				t.Errorf("%s in a %s: classes %q, %d images, want cats and dogs with 2 each", name, form, got, len(s.Items))
			}
			sameRejected(t, s.Rejected, want)
			for _, r := range s.Rejected {
				if !r.Aside {
					t.Errorf("%s in a %s: %s counts as a bad image", name, form, r.File)
				}
			}
		}
	}
	for name, f := range map[string]mini.Files{ // beside splits, and where an empty class would be a fault
		"splits":  laid("train/{a,b}/{1,2}.png", "val/{a,b}/3.png"),
		"classes": laid("a/{1,2}.png", "b/{1,2}.png"),
	} {
		dir := f.Folder(t)
		check(t, os.MkdirAll(filepath.Join(dir, "lost+found"), 0o777))
		check(t, os.MkdirAll(filepath.Join(dir, "train", "#recycle", "a"), 0o777))
		if name == "classes" {
			check(t, os.RemoveAll(filepath.Join(dir, "train")))
		}
		s := open(t, source.Options{}, dir)
		if got := classIDs(s.Listing); !slices.Equal(got, []string{"a", "b"}) || len(s.Faults) > 0 {
			t.Errorf("%s: classes %q, faults %v", name, got, s.Faults)
		}
	}
	// may be classes
	for _, class := range []string{"recycle", "recycler", "recycled", "lost", "found", "tmp", "Recycle Bin"} {
		s := open(t, source.Options{}, laid(class+"/{1,2}.png", "zebras/{1,2}.png").Folder(t))
		if got := classIDs(s.Listing); !slices.Equal(got, []string{class, "zebras"}) {
			t.Errorf("%s: classes %q", class, got)
		}
	}
}
