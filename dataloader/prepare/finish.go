package prepare

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"

	"duet/dataloader/packed"
)

// contents is everything of the set but its shards, from what is known of them.
func (m *maker) contents() (packed.Contents, error) {
	c := packed.Contents{Splits: map[string]packed.Rows{}}
	c.Index = packed.Index{Kind: m.listing.Kind, Layout: m.layout, Splits: map[string]packed.Split{},
		Checksums: map[string]uint32{}}
	for _, class := range m.classes {
		c.Classes = append(c.Classes, packed.Class{ID: class.ID, Name: class.Name})
	}
	for _, r := range m.listing.Rejected {
		c.Rejected = append(c.Rejected, packed.Rejected{File: r.File, Cause: r.Cause})
	}
	for i, w := range m.splits {
		if len(m.order[i]) == 0 {
			continue
		}
		split, rows, rejected, err := m.rows(i)
		if err != nil {
			return c, err
		}
		for _, s := range w.states {
			maps.Copy(c.Index.Checksums, s.Checksums)
		}
		c.Index.Splits[w.name], c.Splits[w.name] = split, rows
		c.Rejected = append(c.Rejected, rejected...)
	}
	s := m.splits[0].sums.finish(c.Index.Splits[packed.Train].Images)
	c.Mean = s.mean
	c.Index.ChannelMean, c.Index.ColorEigen, c.Index.ColorStd = s.channelMean, s.eigen, s.std
	return c, nil
}

// rows collects what is known of the images of a split, and those that were rejected.
func (m *maker) rows(i int) (split packed.Split, rows packed.Rows, rejected []packed.Rejected, err error) {
	w := m.splits[i]
	split = packed.Split{PerClass: make([]int, len(m.classes)), Content: w.content}
	for _, s := range w.states {
		causes := map[int]string{}
		for _, r := range s.Rejected {
			causes[r.Position] = r.Cause
		}
		for at := s.First; at < s.Next; at++ {
			item := m.order[i][at]
			name, label := m.listing.Items[item].Name, m.items[item].label
			if cause, is := causes[at]; is {
				rejected = append(rejected, packed.Rejected{File: name, Cause: cause})
				continue
			}
			split.PerClass[label]++
			rows.Labels, rows.Files = append(rows.Labels, label), append(rows.Files, name)
		}
		rows.Flags = append(rows.Flags, s.Flags...)
		split.Images += s.Images
		if s.Images > 0 {
			split.Shards = append(split.Shards, s.Images)
		}
	}
	if split.Images == 0 {
		return split, rows, nil, fmt.Errorf("no image of the validation split is readable; the first: %s: %s",
			rejected[0].File, rejected[0].Cause)
	}
	return split, rows, rejected, nil
}

// summary is of a set that was published.
func (m *maker) summary(c packed.Contents) (Summary, error) {
	s := Summary{Kind: m.listing.Kind, Size: m.layout.Width, Train: c.Index.Splits[packed.Train].Images,
		Val: c.Index.Splits[packed.Val].Images, Classes: c.Classes, Rejected: c.Rejected, Notes: m.listing.Notes,
		OwnVal: m.ownVal, Earlier: m.told.Earlier, Decoded: m.told.Done - m.told.Earlier}
	err := filepath.WalkDir(m.partial.out, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			s.Bytes += info.Size()
		}
		return err
	})
	return s, err
}
