package source_test

import (
	"archive/zip"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// The columns of a table are found by their names, whatever their order and their letters, and the other one of two
// where one has a name.
func TestColumns(t *testing.T) {
	for name, c := range map[string]struct {
		table   string
		columns []string
		val     int
		want    string // of the error; "": files a to e of classes cat and dog
	}{
		"the first of names": {table: "id,file,target,label\n1,a,9,dog\n2,b,9,cat\n3,c,9,dog\n4,d,9,cat\n5,e,9,dog\n"},
		"asked for": {"x,y,label,file\na,dog,1,2\nb,cat,1,2\nc,dog,1,3\nd,cat,3,3\ne,dog,3,3\n",
			[]string{"x", "y"}, 0, ""},
		"asked for, turned": {"x,y\ndog,a\ncat,b\ndog,c\ncat,d\ndog,e\n", []string{"Y", " x"}, 0, ""},
		"with splits": {"x,y,z\na,dog,train\nb,cat,train\nc,dog,val\nd,cat,val\ne,dog,val\n",
			[]string{"x", "y", "z"}, 3, ""},
		"not there": {"x,y\na,dog\n", []string{"x", "z"}, 0,
			`columns ["x" "y"]: no column "z", which is asked for`},
		"only a label of three": {table: "kg,label,cm\na,dog,1\n", want: `columns ["kg" "label" "cm"]: want one of file`},
		"a flag":                {table: "file,label,is_valid\na,dog,0\n", want: `is "is_valid" of splits? Name it split`},
		"a flag beside splits": {table: "file,label,is_valid,split\na,dog,1,val\n",
			want: "--columns FILE,LABEL or FILE,LABEL,SPLIT"},
		"for training":      {table: "file,label,is_train\na,dog,yes\n", want: `is "is_train" of splits? Name it split`},
		"two flags":         {table: "file,label,is_valid,is_test\na,dog,1,0\n", want: `is "is_test" of splits?`},
		"file and another":  {table: "FileName,what\na,dog\n", want: `columns ["FileName" "what"]: want one of file`},
		"another and file":  {table: "what,path\ndog,a\n", want: `columns ["what" "path"]: want one of file`},
		"label and another": {table: "class,what\ndog,a\n", want: `columns ["class" "what"]: want one of file`},
		"another and label": {table: "what,Category\na,dog\n", want: `columns ["what" "Category"]: want one of file`},
		"an id and a name":  {table: "id,name\na,dog\n", want: `columns ["id" "name"]: want one of file`},
		"a target":          {table: "file,target\na,dog\n", want: `columns ["file" "target"]: want one of file`},
	} {
		f := flat("", ".png")
		f["labels.csv"] = []byte(c.table)
		o := source.Options{Columns: c.columns}
		if c.want != "" {
			t.Run(name, func(t *testing.T) { lacks(t, failure(o, f.Folder(t)), "labels.csv:1: ", c.want) })
			continue
		}
		t.Run(name, func(t *testing.T) { sameTable(t, name, open(t, o, f.Folder(t)), flat("", ".png"), c.val) })
	}
	f := flat("", ".png")
	for _, columns := range [][]string{{"a"}, {"a", "b", "c", "d"}, {"a", ""}, {"a", " "}} {
		_, err := source.Open([]string{f.Folder(t)}, source.Options{Columns: columns})
		lacks(t, err, "columns", "want the names of those of files")
	}
	lacks(t, failure(source.Options{Columns: []string{"file", "label"}}, mini.Animals(2).Folder(t)),
		"not of the format csv", "asked for")
}

// Fields are separated by what the first line has: a comma first, then a tab, a semicolon, and in a .txt a space.
func TestSeparators(t *testing.T) {
	for name, line := range map[string]string{"l.csv": "a.png,dog", "t.csv": "a.png\tdog", "s.csv": "a.png;dog",
		"t.tsv": "a.png\tdog", "c.tsv": "a.png,dog",
		"l.txt": "a.png dog", "c.txt": "a.png,dog", "t.txt": "a.png\tdog"} {
		var table strings.Builder
		for k, file := range strings.Split("abcde", "") {
			one := strings.ReplaceAll(strings.ReplaceAll(line, "a.png", file+".png"), "dog", []string{"dog", "cat"}[k%2])
			table.WriteString(one + "\n")
		}
		images := flat("", ".png")
		s := open(t, source.Options{}, images.Folder(t), mini.Write(t, name, []byte(table.String())))
		sameTable(t, name, s, images, 0)
	}
}

// Names that are paths on some disk are refused, and what they would have to be is said.
func TestRootedNames(t *testing.T) {
	images := mini.Join(flat("x/", ".png"))
	for name, prefix := range map[string]string{"Unix": "/home/me/set/x/", "Windows": `C:\set\x\`,
		"above": "../../set/x/"} {
		table := "file,label\n" + prefix + "a.png,dog\n" + prefix + "b.png,cat\n"
		t.Run(name, func(t *testing.T) {
			lacks(t, failure(source.Options{}, images.Folder(t), mini.Write(t, "labels.csv", []byte(table))),
				"labels.csv names none of the images", "set/x/b.png")
		})
	}
	table := "file,label\nx/a.png,dog\nx/b.png,cat\nx/c.png,dog\nx/d.png,cat\nx/e.png,dog\n,dog\n"
	s := open(t, source.Options{}, images.Folder(t), mini.Write(t, "labels.csv", []byte(table)))
	if len(s.Items) != 5 || len(s.Rejected) != 1 || !slices.Equal(classIDs(s.Listing), []string{"cat", "dog"}) {
		t.Errorf("%d images of classes %v, rejected %v", len(s.Items), s.Classes, s.Rejected)
	}
	lacks(t, failure(source.Options{}, images.Folder(t), mini.Write(t, "labels.csv",
		[]byte("file,label\nu.png,1\nv.png,2\n"))), "names none of the images")
}

// What several tables say that cannot be read, or is not used, is told with the error.
func TestUnusedTables(t *testing.T) {
	f := flat("", ".png")
	for _, name := range []string{"a.csv", "b.csv", "c.csv"} {
		f[name] = []byte("x|y\n")
	}
	lacks(t, failure(source.Options{}, f.Folder(t)), "a.csv:1", `columns ["x|y"]: want one of file`)
	f = mini.Join(laid("a/1.png", "b/1.png", "b/2.png"), mini.Files{"1.csv": []byte("x\n"), "a/2.csv": []byte("x\n"),
		"a/b/3.csv":   []byte("x\n"),
		"a/b/c/4.csv": []byte("x\n"), "a/b/c/d/5.csv": []byte("x\n")})
	f["c/"] = nil
	s := open(t, source.Options{}, f.Folder(t))
	if len(s.Notes) != 5 || len(s.Faults) != 1 {
		t.Errorf("notes %q, faults %v", s.Notes, s.Faults)
	}
	delete(f, "a/1.png")
	lacks(t, failure(source.Options{}, f.Folder(t)), "1.csv:1")
	lacks(t, failure(source.Options{}, laid("images/1.png", "jpg/1.png", "png/1.png", "data/1.png").Folder(t)),
		"all folders (such as data, images, jpg) are named as parts of a data set")
	f = flat("", ".png")
	f["l.csv"] = []byte("file,label,split\na,x,val\nb,y,val\nc,x,val\n")
	lacks(t, failure(source.Options{}, f.Folder(t)),
		"no training image: class x is in the validation split (such as c.png)")
	f = flat("", ".png")
	f["list.txt"] = []byte("a.png dog\nb.png cat\nc.png dog\nd.png cat\n") // a table only where it is given as one
	lacks(t, failure(source.Options{}, f.Folder(t)), "none in a class folder")
}

// A table counts among however many captions; of more tables than are read each further one is named.
func TestManyTexts(t *testing.T) {
	const n = 1<<16 + 1
	many := func(ending string) mini.Files {
		f := flat("", ".png")
		f["a.csv"] = []byte("file,label\na,dog\nb,cat\nc,dog\nd,cat\ne,dog\n")
		for k := range n {
			f[fmt.Sprintf("texts/%d%s", k, ending)] = []byte("x,y,z\n")
		}
		return f
	}
	captions := many(".txt").Zip(t, "captions.zip", zip.Store)
	sameTable(t, "captions", open(t, source.Options{}, captions), flat("", ".png"), 0)
	lacks(t, failure(source.Options{}, many(".csv").Zip(t, "tables.zip", zip.Store)), "a.csv: one table of too many")
}

// A table that is too large is not read in part.
func TestHugeTable(t *testing.T) {
	table := mini.Write(t, "labels.csv", []byte("a.png,dog\n"))
	check(t, os.Truncate(table, 300<<20))
	lacks(t, failure(source.Options{}, flat("", ".png").Folder(t), table),
		"labels.csv: 314572800 bytes: want tables and lists of at most 256 MiB")
}
