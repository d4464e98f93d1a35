package dataloader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/prepare"
	"duet/dataloader/source"
)

// Hooks are told of a source that is packed, and asked whether to; see prepare.Options. Each may be nil.
type Hooks struct {
	Progress func(prepare.Progress)
	Suits    func(prepare.Outline) error
	Waits    func(dir string) // another process is packing it there, which is waited for
}

// waitEvery is how long there is between two looks at what another process is packing.
const waitEvery = 200 * time.Millisecond

// Materialize returns the packed set of c.Path: that folder itself when it is one, where a key that asks for other than
// it was prepared with is an error; else the set in c.Packed, which is prepared when it is not there yet. It is used
// again only for the options it was made with and an unchanged source, or when the source is not there any more. Of
// several processes that ask for the same set at the same time one packs it, and the others wait for that.
func Materialize(ctx context.Context, c Config, hooks Hooks) (dir string, err error) {
	for waits := false; ; waits = true {
		dir, err := c.materialize(ctx, hooks)
		if !errors.Is(err, prepare.ErrBusy) && !errors.Is(err, errPublished) {
			return dir, err
		}
		if !waits && hooks.Waits != nil {
			hooks.Waits(dir)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(waitEvery):
		}
	}
}

// errPublished says that another process has finished the set that was not there a moment before.
var errPublished = errors.New("the set is there now")

func (c Config) materialize(ctx context.Context, hooks Hooks) (dir string, err error) {
	if c.isPacked() {
		return c.Path, c.asPrepared()
	}
	o := c.options()
	var unsuited error
	o.Progress = hooks.Progress
	if hooks.Suits != nil {
		o.Suits = func(outline prepare.Outline) error {
			unsuited = hooks.Suits(outline)
			return unsuited
		}
	}
	want := prepare.RequestOf([]string{c.Path}, o)
	if dir = c.Packed; dir == "" {
		dir = defaultFolder(want)
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		_, err := prepare.Run(ctx, []string{c.Path}, dir, o)
		if err == nil {
			return dir, nil
		}
		if unsuited != nil && errors.Is(err, unsuited) {
			return "", fmt.Errorf("data.path: %w", err) // it says itself what is to be done
		}
		if _, absent := os.Lstat(dir); absent == nil {
			err = errPublished
		}
		return dir, ofPath(err)
	}
	x, err := packed.ReadIndex(dir)
	if err != nil {
		return "", fmt.Errorf("data.packed: %w", err)
	}
	if d := want.Difference(x.Request); d != "" {
		return "", fmt.Errorf("data.packed: %s was prepared otherwise: the configuration asks for %s: remove it or name "+
			"another", dir, d)
	}
	if _, err := os.Stat(c.Path); err != nil || c.Path == source.GeneratedPath {
		return dir, nil // nothing to compare with: the set is what there is
	}
	now, err := prepare.Fingerprint(ctx, []string{c.Path}, o)
	if err != nil {
		return "", ofPath(err)
	}
	if now != x.Fingerprint {
		return "", fmt.Errorf("data.path: %s has changed since it was packed into %s: remove that folder to have it packed "+
			"again, or set data.path to it to train on it as it is", c.Path, dir)
	}
	return dir, nil
}

// ofPath is an error about the source in c.Path. What it advises is meant for duet prepare.
func ofPath(err error) error {
	hint := ""
	if errors.Is(err, source.ErrAdvice) {
		hint = " (flags and several paths are duet prepare's: prepare it with that, or set the keys of [data] of the " +
			"flags' names, such as data.format)"
	}
	return fmt.Errorf("data.path: %w%s", err, hint)
}

// isPacked reports whether c.Path is a packed set.
func (c Config) isPacked() bool {
	_, err := os.Stat(filepath.Join(c.Path, packed.IndexFile))
	return c.Path != source.GeneratedPath && err == nil
}

// Whole is c for the data of another path, a packed set or a source, of which no image is split off or left out. A
// source is packed as what the network learned from: with the same classes, into images of the side, read from files in
// the same way.
func (c Config) Whole(path string, side int, reading picture.Reading) Config {
	c.Path, c.Packed = path, ""
	c.Size, c.EXIF, c.AllowTruncated = side, reading.EXIF, reading.AllowTruncated
	c.ValFraction, c.PerClass, c.ValPerClass = 0, 0, 0
	if c.isPacked() { // it is taken as it is
		c.Settings = Default().Settings
	}
	return c
}

// defaultFolder is data/<name>-<fingerprint of the request>: another option is another folder.
func defaultFolder(r prepare.Request) string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("dataloader: a request is always valid JSON: " + err.Error())
	}
	return filepath.Join("data", fmt.Sprintf("%s-%08x", sourceName(r.Source[0]),
		crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))))
}

// sourceName is the name of a source without its folders and its archive's endings.
func sourceName(path string) string {
	name := filepath.Base(filepath.Clean(path))
	for _, end := range []string{".gz", ".tgz", ".tar", ".zip"} {
		name = strings.TrimSuffix(name, end)
	}
	if name = strings.Trim(name, "./\\"); name == "" {
		return "set"
	}
	return name
}
