package source

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"duet/dataloader/picture"
	"duet/dataloader/tree"
)

// Pictures are the paths of the images in a folder and in those below it, in order: files with the endings of images,
// also of formats that are not decoded, without what is hidden or of the operating system. A folder without any is an
// error.
func Pictures(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch name = filepath.ToSlash(name); {
		case d.IsDir() && name != "." && tree.Hidden(name):
			return fs.SkipDir
		case !d.IsDir() && (picture.IsNamed(name) || picture.IsForeign(name)) && !tree.Hidden(name):
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no images in this folder: want files that end in %v", dir, picture.Endings)
	}
	slices.Sort(found)
	return found, nil
}
