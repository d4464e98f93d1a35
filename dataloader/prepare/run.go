package prepare

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"duet/dataloader/generated"
	"duet/dataloader/layout"
	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/dataloader/source"
	"duet/engine/metrics"
	"duet/internal/disk"
)

// ErrKept is among the errors of a Run that was interrupted or failed after it had finished a shard: the same call goes
// on from there.
var ErrKept = errors.New("finished shards are kept, and the same command goes on with them")

// ErrBusy is the error of a Run whose OUT another process is making.
var ErrBusy = errors.New("being prepared by another process")

// Run packs sources, together one set of images, into the folder out, which must not exist; package source lists what
// they may be. Images that cannot be read are left out and listed in the Summary and in rejected.csv. When it fails, or
// ctx ends, OUT.partial keeps the shards that are finished, if there are any, for the next Run of the same sources,
// options and out; the error is then an ErrKept too.
func Run(ctx context.Context, sources []string, out string, o Options) (Summary, error) {
	if err := o.Check(); err != nil {
		return Summary{}, err
	}
	o = o.complete()
	if out == "" {
		return Summary{}, errors.New("no name for the packed set: want a folder that does not exist yet")
	}
	out = filepath.Clean(out)
	if err := absent(out); err != nil {
		removePublished(out)
		return Summary{}, err
	}
	if err := outside(out, sources); err != nil {
		return Summary{}, err
	}
	p, err := lockPartial(out)
	if err != nil {
		return Summary{}, err
	}
	var s Summary
	if err = absent(out); err == nil { // another process may have published it just now
		s, err = run(ctx, p, sources, o)
	}
	if kept := p.leave(); kept {
		return s, fmt.Errorf("%w; %w", err, ErrKept)
	}
	return s, err
}

// Fingerprint is what a set made of these sources now would record of them; it changes with their files' names, sizes
// and times.
func Fingerprint(ctx context.Context, sources []string, o Options) (fingerprint string, err error) {
	src, listing, err := o.complete().list(ctx, sources)
	if err != nil {
		return "", err
	}
	return listing.Fingerprint, src.Close()
}

// list opens sources and looks at everything in them. Close the source afterwards.
func (o Options) list(ctx context.Context, sources []string) (source.Source, *source.Listing, error) {
	src, err := source.Open(sources, source.Options{Format: o.Format, Columns: o.Columns, Packed: openPacked,
		Generated: func() (source.Source, error) { return generated.Open(o.Generated, o.Seed) }})
	if err != nil {
		return nil, nil, err
	}
	listing, err := src.List(ctx, func(found int) { o.progress(Progress{Found: found}) })
	if err != nil {
		return nil, nil, errors.Join(err, src.Close())
	}
	return src, listing, nil
}

// absent is an error when out exists.
func absent(out string) error {
	_, err := os.Lstat(out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s exists: name another folder, or remove it first", out)
}

func run(ctx context.Context, p *partial, sources []string, o Options) (s Summary, err error) {
	src, listing, err := o.list(ctx, sources)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	for _, r := range listing.Rejected {
		if o.Strict && !r.Aside {
			return s, strict(r.File, r.Cause)
		}
	}
	c, err := choose(listing, o)
	if err != nil {
		return s, err
	}
	reading, err := o.reading(listing)
	if err != nil {
		return s, err
	}
	if o.Suits != nil {
		if err := o.Suits(o.outline(c)); err != nil {
			return s, fmt.Errorf("%s: %w", strings.Join(sources, " "), err)
		}
	}
	request := RequestOf(sources, o)
	if err := p.begin(begun{request.JSON(), decoder(), listing.Fingerprint}, request, o.Restart); err != nil {
		return s, err
	}
	m, err := newMaker(p, c, o)
	if err != nil {
		return s, err
	}
	if err := m.fits(disk.Free(p.dir)); err != nil {
		return s, err
	}
	if err := m.make(ctx, src); err != nil {
		m.abandon()
		return s, err
	}
	if err := src.Unchanged(); err != nil {
		p.useless = !errors.Is(err, source.ErrLost) // which may come back as it was
		return s, err
	}
	contents, err := m.contents()
	if err != nil { // it is the source that has to change: its shards are of no use
		p.useless = true
		return s, err
	}
	x := &contents.Index
	x.Reading, x.Request, x.Decoder, x.Fingerprint = reading, request.JSON(), decoder(), listing.Fingerprint
	if err := packed.Write(p.set(), contents); err != nil {
		return s, err
	}
	if err := p.publish(); err != nil {
		return s, err
	}
	return m.summary(contents)
}

// reading is how the source's files are read, or were when they became the packed set that is the source now.
func (o Options) reading(l *source.Listing) (picture.Reading, error) {
	is := picture.Reading{EXIF: o.EXIF, AllowTruncated: o.AllowTruncated}
	if l.Reading == nil {
		return is, nil
	}
	if is.EXIF && !l.Reading.EXIF {
		return is, layout.Advise("the packed set was prepared without --exif, and how its images lie is not known any " +
			"more: prepare its source again with --exif")
	}
	if is.AllowTruncated && !l.Reading.AllowTruncated {
		return is, layout.Advise("the packed set was prepared without --allow-truncated, and lacks the files without an " +
			"end: prepare its source again with --allow-truncated")
	}
	return *l.Reading, nil
}

// side is that of the packed images in pixels.
func (o Options) side(l *source.Listing) int {
	switch {
	case o.Size != 0:
		return o.Size
	case l.Side != 0:
		return l.Side
	}
	return automaticSize
}

func (o Options) outline(c *choice) Outline {
	all := Outline{Side: o.side(c.listing), Train: len(c.order[0]), Val: len(c.order[1])}
	for _, class := range c.classes {
		all.Classes = append(all.Classes, packed.Class{ID: class.ID, Name: class.Name})
	}
	return all
}

func strict(file, cause string) error {
	return fmt.Errorf("%s: %s (strict: the first image that cannot be taken is an error)", file, cause)
}

func (o Options) progress(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

// A maker makes the shards of a set and what is known of them.
type maker struct {
	*choice
	partial *partial
	options Options
	layout  packed.Layout
	splits  [2]*splitWriter // train, val
	hopes   []int           // by class: training images that were not rejected yet
	told    Progress
}

func newMaker(p *partial, c *choice, o Options) (*maker, error) {
	size := o.side(c.listing)
	m := &maker{choice: c, partial: p, options: o, layout: packed.Layout{Height: size, Width: size, Codec: o.Codec}}
	for _, members := range c.members(false) {
		m.hopes = append(m.hopes, len(members))
	}
	for i, name := range splitNames {
		var err error
		if m.splits[i], err = openSplit(p, name, m.layout, int64(o.ShardMiB)<<20); err != nil {
			return nil, err
		}
		m.told.Earlier += m.splits[i].earlier
		m.told.Total += len(c.order[i])
		for _, s := range m.splits[i].states {
			m.told.Rejected += len(s.Rejected)
			for _, r := range s.Rejected {
				item := c.order[i][r.Position]
				if o.Strict { // an earlier run was not
					return nil, strict(c.listing.Items[item].Name, r.Cause)
				}
				if err := m.reject(item, r.Cause); err != nil {
					return nil, err
				}
			}
		}
	}
	m.told.Done = m.told.Earlier
	return m, nil
}

// fits is an error where the disk has no room for the images that no earlier run has, as far as that is known.
func (m *maker) fits(free int64, known bool) error {
	images := m.told.Total - m.told.Earlier
	need := int64(images) * int64(m.layout.Pixels())
	if !known || m.layout.Codec != packed.Raw || need <= free {
		return nil
	}
	return layout.Advise("%s: %d images of %dx%d take %s, and the disk has %s left: make room, or take a smaller --size, "+
		"another folder, or --codec jpeg, which takes about a sixth", m.partial.out, images, m.layout.Width,
		m.layout.Height, metrics.FormatBytes(uint64(need)), metrics.FormatBytes(uint64(free)))
}

var splitNames = [2]string{packed.Train, packed.Val}

// make reads, decodes and writes what no earlier run has.
func (m *maker) make(ctx context.Context, src source.Source) error {
	m.options.progress(m.told)
	p := &pool{size: func(item int) int64 { return m.listing.Items[item].Size }, layout: m.layout,
		workers: m.options.Workers, quality: m.options.Quality,
		picture: picture.Options{Size: m.layout.Width, Reading: picture.Reading{EXIF: m.options.EXIF,
			AllowTruncated: m.options.AllowTruncated}}}
	want := func(item int) bool {
		it := m.items[item]
		return it.label >= 0 && int(it.position) >= m.splits[splitIndex(it.val)].earlier
	}
	if err := p.run(ctx, src, want, m.take); err != nil {
		return err
	}
	for i, w := range m.splits {
		if w.position != len(m.order[i]) {
			return fmt.Errorf("split %s: %d of %d images came: the source has changed since it was listed", w.name, w.position,
				len(m.order[i]))
		}
		if err := w.finish(); err != nil {
			return err
		}
	}
	return nil
}

// take writes one image.
func (m *maker) take(t *task) error {
	it := m.items[t.item]
	w := m.splits[splitIndex(it.val)]
	if int(it.position) != w.position {
		return fmt.Errorf("%s came out of order: the source has changed since it was listed", m.listing.Items[t.item].Name)
	}
	if t.lost != nil {
		return fmt.Errorf("%s: %w", m.listing.Items[t.item].Name, t.lost)
	}
	m.told.Done++
	if t.cause != nil {
		if m.options.Strict {
			return strict(m.listing.Items[t.item].Name, t.cause.Error())
		}
		m.told.Rejected++
		if err := m.reject(t.item, t.cause.Error()); err != nil {
			return err
		}
	}
	if err := w.take(t); err != nil {
		return err
	}
	m.options.progress(m.told)
	return nil
}

// reject notes that an image cannot be read. The last hope of a class ends the preparation rather than show at its end:
// it is the source that has to change, and what is finished will be of no use.
func (m *maker) reject(item int, cause string) error {
	it := m.items[item]
	if it.val {
		return nil
	}
	if m.hopes[it.label]--; m.hopes[it.label] > 0 {
		return nil
	}
	m.partial.useless = true
	return fmt.Errorf("class %s has no readable training image; the last: %s: %s", m.classes[it.label].ID,
		m.listing.Items[item].Name, cause)
}

func (m *maker) abandon() {
	for _, w := range m.splits {
		w.abandon()
	}
}
