package packed

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
	var classes bytes.Buffer
	for _, k := range c.Classes {
		classes.WriteString(k.ID)
		if k.Name != "" {
			classes.WriteString("\t" + k.Name)
		}
		classes.WriteByte('\n')
	}
	mean, err := array(npyFloat32, []int{3, x.Height, x.Width}, c.Mean)
	if err != nil {
		return err
	}
	rejected := [][]string{{"file", "cause"}}
	for _, r := range c.Rejected {
		rejected = append(rejected, []string{r.File, r.Cause})
	}
	table, err := commaSeparated(rejected)
	if err != nil {
		return err
	}
	files := map[string][]byte{ClassesFile: classes.Bytes(), MeanFile: mean, RejectedFile: table}
	for name, rows := range c.Splits {
		if err := rows.encode(name, c.Classes, files); err != nil {
			return err
		}
	}
	for name, data := range files {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), data); err != nil {
			return err
		}
		x.Checksums[name] = sum(data)
	}
	if err := x.check(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, IndexFile), err)
	}
	data, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, IndexFile), append(data, '\n'))
}

// encode makes the files of a split.
func (r Rows) encode(split string, classes []Class, files map[string][]byte) error {
	labels, err := array(npyInt32, []int{len(r.Labels)}, r.Labels)
	if err != nil {
		return err
	}
	flags, err := array(npyUint8, []int{len(r.Flags)}, r.Flags)
	if err != nil {
		return err
	}
	var names bytes.Buffer
	table := csv.NewWriter(&names)
	table.Write([]string{"file", "class"}) // a buffer takes everything
	row := make([]string, 2)
	for i, file := range r.Files {
		row[0], row[1] = file, classes[r.Labels[i]].ID
		table.Write(row)
	}
	table.Flush()
	files[split+"/"+labelsFile], files[split+"/"+flagsFile], files[split+"/"+filesFile] = labels, flags, names.Bytes()
	return table.Error()
}

func array(dtype string, shape []int, values any) ([]byte, error) {
	return binary.Append(npyHeader{dtype: dtype, shape: shape}.encode(), binary.LittleEndian, values)
}

func commaSeparated(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	err := csv.NewWriter(&b).WriteAll(rows)
	return b.Bytes(), err
}

// writeFile writes a whole file and waits until it is on disk.
func writeFile(path string, parts ...[]byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for _, data := range parts {
		if _, err := f.Write(data); err != nil {
			f.Close()
			return err
		}
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
