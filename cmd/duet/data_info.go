package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"duet/dataloader/packed"
	"duet/dataloader/picture"
	"duet/engine/metrics"
)

func dataCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "data",
		Short: "Look at packed sets: info, verify, show, bench",
		Args:  args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(dataInfoCommand(), dataVerifyCommand(), dataShowCommand(), dataBenchCommand())
	return c
}

// setInfo is what `duet data info --json` prints.
type setInfo struct {
	Index    packed.Index         `json:"index"`
	Classes  []classInfo          `json:"classes"`
	Flags    map[string]flagCount `json:"flags"`
	Bytes    map[string]int64     `json:"bytes"` // of the images by split
	MeanFile string               `json:"mean_image,omitempty"`
}

type classInfo struct {
	Label int    `json:"label"`
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Train int    `json:"train"`
	Val   int    `json:"val"`
}

// flagCount is how many images of a split's files were special in some way.
type flagCount map[string]int

func dataInfoCommand() *cobra.Command {
	var asJSON bool
	var mean string
	c := &cobra.Command{
		Use:   "info SET",
		Short: "What a packed set holds: counts, classes, checksums, colours",
		Example: `  duet data info data/imagenet
  duet data info data/imagenet --mean mean.png
  duet data info data/imagenet --json | jq .index.crc32c`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			info, image, err := describe(given[0])
			if err != nil {
				return err
			}
			if mean != "" {
				if err := writePNG(mean, image); err != nil {
					return err
				}
				info.MeanFile = mean
			}
			if asJSON {
				return printJSON(info)
			}
			return printInfo(given[0], info)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with every class and checksum")
	c.Flags().StringVar(&mean, "mean", "", "write the mean image of the training split to this PNG")
	return c
}

// describe reads everything of a set but its images.
func describe(dir string) (info setInfo, mean *image.RGBA, err error) {
	info = setInfo{Flags: map[string]flagCount{}, Bytes: map[string]int64{}}
	if info.Index, err = packed.ReadIndex(dir); err != nil {
		return info, nil, err
	}
	for _, split := range []string{packed.Train, packed.Val} {
		if _, ok := info.Index.Splits[split]; !ok {
			continue
		}
		s, err := packed.Open(dir, split)
		if err != nil {
			return info, nil, err
		}
		defer s.Close() // nothing was written
		if split == packed.Train {
			mean = meanImage(s)
			for i, c := range s.Classes() {
				info.Classes = append(info.Classes, classInfo{Label: i, ID: c.ID, Name: c.Name})
			}
		}
		for i, n := range info.Index.Splits[split].PerClass {
			if split == packed.Train {
				info.Classes[i].Train = n
			} else {
				info.Classes[i].Val = n
			}
		}
		flags, err := s.Flags()
		if err != nil {
			return info, nil, err
		}
		info.Flags[split], info.Bytes[split] = countFlags(flags), s.Bytes()
	}
	return info, mean, nil
}

func countFlags(flags []uint8) flagCount {
	counts := flagCount{}
	for _, f := range flags {
		for bit := range 8 {
			if one := picture.Flags(f & (1 << bit)); one != 0 {
				counts[one.String()]++
			}
		}
	}
	return counts
}

// meanImage is the mean of the training split as a picture.
func meanImage(s *packed.Set) *image.RGBA {
	pixels := s.Height() * s.Width()
	m := image.NewRGBA(image.Rect(0, 0, s.Width(), s.Height()))
	for i := range pixels {
		for c := range 3 {
			m.Pix[4*i+c] = uint8(s.MeanImage()[c*pixels+i] + 0.5)
		}
		m.Pix[4*i+3] = 255
	}
	return m
}

func printInfo(dir string, info setInfo) error {
	x := info.Index
	t := tabwriter.NewWriter(results, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "set\t%s\n", dir)
	fmt.Fprintf(t, "source\t%s, decoded by %s\n", x.Kind, x.Decoder)
	var request bytes.Buffer
	if err := json.Compact(&request, x.Request); err != nil {
		return fmt.Errorf("%s: request: %w", packed.IndexFile, err)
	}
	fmt.Fprintf(t, "request\t%s\n", request.Bytes())
	turned := ""
	if x.EXIF {
		turned = ", turned as their EXIF data say"
	}
	fmt.Fprintf(t, "images\t%d x %d, RGB, codec %s%s\n", x.Width, x.Height, x.Codec, turned)
	for _, split := range []string{packed.Train, packed.Val} {
		s, ok := x.Splits[split]
		if !ok {
			continue
		}
		fmt.Fprintf(t, "%s\t%s in %s, %s, CRC32C %08x%s\n", split, counted(s.Images, "image"),
			counted(len(s.Shards), "shard"), metrics.FormatBytes(uint64(info.Bytes[split])), s.Content,
			flagText(info.Flags[split]))
	}
	fmt.Fprintf(t, "rejected\t%s, see %s\n", counted(x.Rejected, "file"), packed.RejectedFile)
	fmt.Fprintf(t, "mean colour\t%.2f %.2f %.2f\n", x.ChannelMean[0], x.ChannelMean[1], x.ChannelMean[2])
	for k := range 3 {
		e := x.ColorEigen[k]
		fmt.Fprintf(t, "colour %d\tstandard deviation %.2f along %+.4f %+.4f %+.4f\n", k+1, x.ColorStd[k], e[0], e[1], e[2])
	}
	fmt.Fprintf(t, "classes\t%d, %s\n", len(info.Classes), spread(x.Splits[packed.Train].PerClass))
	if info.MeanFile != "" {
		fmt.Fprintf(t, "mean image\t%s\n", info.MeanFile)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(results)
	return histogram(info.Classes)
}

func flagText(counts flagCount) string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	text := ""
	for _, name := range names {
		text += fmt.Sprintf(", %d %s", counts[name], name)
	}
	return text
}

// spread is the range of the classes' sizes.
func spread(counts []int) string {
	sorted := slices.Sorted(slices.Values(counts))
	if sorted[0] == sorted[len(sorted)-1] {
		return counted(sorted[0], "training image") + " each"
	}
	return fmt.Sprintf("%d to %d training images each, median %d", sorted[0], sorted[len(sorted)-1], sorted[len(sorted)/2])
}

// counted is "1 file", "2 files".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shownClasses is how many classes are listed one by one.
const shownClasses = 20

// histogram prints a bar for each class, or with many of them for each range of sizes.
func histogram(classes []classInfo) error {
	t := tabwriter.NewWriter(results, 0, 8, 2, ' ', 0)
	largest := 1
	for _, c := range classes {
		largest = max(largest, c.Train)
	}
	bar := func(n, of int) string { return strings.Repeat("#", (n*40+of-1)/of) }
	if len(classes) <= shownClasses {
		fmt.Fprintln(t, "label\tclass\ttrain\tval\t")
		for _, c := range classes {
			fmt.Fprintf(t, "%d\t%s\t%d\t%d\t%s\n", c.Label, className(packed.Class{ID: c.ID, Name: c.Name}), c.Train, c.Val,
				bar(c.Train, largest))
		}
		return t.Flush()
	}
	const bins = 10
	width := max((largest+bins)/bins, 1)
	var counts [bins + 1]int
	most := 1
	for _, c := range classes {
		counts[c.Train/width]++
		most = max(most, counts[c.Train/width])
	}
	fmt.Fprintln(t, "training images\tclasses\t")
	for i, n := range counts {
		if n > 0 {
			fmt.Fprintf(t, "%d to %d\t%d\t%s\n", i*width, (i+1)*width-1, n, bar(n, most))
		}
	}
	return t.Flush()
}

// className is the name of a class for people, or its id.
func className(c packed.Class) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}
