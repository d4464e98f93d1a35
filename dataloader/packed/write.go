package packed

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"duet/internal/disk"
)

// A Class is what a label stands for.
type Class struct {
	ID   string // its folder or WordNet id
	Name string // for people; "" when only the ID is known
}

// String is the ID, and the name in brackets.
func (c Class) String() string {
	if c.Name == "" {
		return c.ID
	}
	return c.ID + " (" + c.Name + ")"
}

// A Rejected is something of a source that is not in the set.
type Rejected struct {
	File, Cause string
}

// Contents is what a set holds beside its shards.
type Contents struct {
	Index    Index // Format, Version and the checksums of what Write writes need not be filled in
	Classes  []Class
	Mean     []float32 // [3,H,W]
	Rejected []Rejected
	Splits   map[string]Rows
}

// Rows are what is known of each image of a split.
type Rows struct {
	Labels []int32
	Flags  []uint8
	Files  []string
}

// Write writes everything but the shards to dir, set.json last, and waits until it is on disk.
func Write(dir string, c Contents) error {
	x := c.Index
	x.Format, x.Version = format, version
	x.Classes, x.Rejected = len(c.Classes), len(c.Rejected)
	files := map[string]func(*bufio.Writer){
		ClassesFile:  c.writeClasses,
		MeanFile:     array(npyFloat32, []int{3, x.Height, x.Width}, c.Mean),
		RejectedFile: c.writeRejected,
	}
	for name, rows := range c.Splits {
		files[name+"/"+labelsFile] = array(npyInt32, []int{len(rows.Labels)}, rows.Labels)
		files[name+"/"+flagsFile] = array(npyUint8, []int{len(rows.Flags)}, rows.Flags)
		files[name+"/"+filesFile] = func(w *bufio.Writer) { rows.writeFiles(w, c.Classes) }
	}
	for name, write := range files {
		crc, err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), write)
		if err != nil {
			return err
		}
		x.Checksums[name] = crc
	}
	path := filepath.Join(dir, IndexFile)
	if err := x.check(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	data, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	_, err = writeFile(path, func(w *bufio.Writer) { w.Write(append(data, '\n')) })
	return err
}

func (c Contents) writeClasses(w *bufio.Writer) {
	for _, k := range c.Classes {
		line := k.ID
		if k.Name != "" {
			line += "\t" + k.Name
		}
		fmt.Fprintln(w, line)
	}
}

func (c Contents) writeRejected(w *bufio.Writer) {
	table := csv.NewWriter(w)
	table.Write([]string{"file", "cause"})
	for _, r := range c.Rejected {
		table.Write([]string{escaped(r.File), escaped(r.Cause)})
	}
	table.Flush()
}

// writeFiles writes files.csv.
func (r Rows) writeFiles(w *bufio.Writer, classes []Class) {
	table := csv.NewWriter(w)
	row := []string{"file", "class"}
	table.Write(row)
	for i, file := range r.Files {
		row[0], row[1] = escaped(file), classes[r.Labels[i]].ID
		table.Write(row)
	}
	table.Flush()
}

// escaped is text with every byte that is not of valid UTF-8 as its \xNN: names of files may be any bytes, a table is
// UTF-8.
func escaped(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, text[0])
		} else {
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

// array writes a .npy file of values.
func array[E uint8 | int32 | int64 | float32](dtype string, shape []int, values []E) func(*bufio.Writer) {
	return func(w *bufio.Writer) {
		w.Write(npyHeader{dtype: dtype, shape: shape}.encode())
		const step = 1 << 16 // binary.Write makes a copy
		for part := range slices.Chunk(values, step) {
			binary.Write(w, binary.LittleEndian, part)
		}
	}
}

// writeFile writes a whole file, waits until it is on disk, and gives its CRC32C. write need not look at errors: the
// writer keeps the first, and fails from then on.
func writeFile(path string, write func(*bufio.Writer)) (crc uint32, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	sum := crc32.New(castagnoli)
	buffer := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<18)
	write(buffer)
	if err = buffer.Flush(); err == nil {
		err = disk.Sync(f)
	}
	return sum.Sum32(), errors.Join(err, f.Close())
}
