package source

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"duet/dataloader/picture"
	"duet/dataloader/tree"
)

// Pictures are the paths of the images in a folder and in those below it, in order: files with the endings of images,
// also of formats that are not decoded, without what is hidden or of the operating system. A folder without any is an
// error.
func Pictures(dir string) ([]string, error) {
	t, err := tree.List(context.Background(), []tree.Root{{Path: dir}}, tree.Options{
		Beside: func(string) string { return "an archive" }})
	if err != nil {
		return nil, err
	}
	var found []string
	for e := range t.Entries() {
		if e.Kind == tree.File && (picture.IsNamed(e.Name) || picture.IsForeign(e.Name)) {
			found = append(found, filepath.Join(dir, filepath.FromSlash(e.Name)))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no images in this folder: want files that end in %v", dir, picture.Endings)
	}
	slices.Sort(found)
	return found, nil
}
