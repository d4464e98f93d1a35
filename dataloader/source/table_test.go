package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// flat are images a to e in one folder.
func flat(folder, end string) mini.Files {
	f := mini.Files{}
	for k, name := range strings.Split("abcde", "") {
		f[folder+name+end] = plainPNG(8, uint8(k))
	}
	return f
}

func TestTables(t *testing.T) {
	const rows = "a.png,dog\nb.png,cat\nc.png,dog\nd.png,cat\ne.png,dog\n"
	const split = "id,split,label\na,train,dog\nb,train,cat\nc,train,dog\nd,val,cat\ne,Validation,dog\n"
	for name, c := range map[string]struct {
		images mini.Files
		table  string
		as     string
		val    int
	}{
		"no header":       {flat("", ".png"), rows, "labels.csv", 0},
		"odd header":      {flat("", ".png"), "name,kind\n" + rows, "labels.csv", 0},
		"header":          {flat("", ".png"), "filename,label\n" + rows, "labels.csv", 0},
		"byte order mark": {flat("", ".png"), "\ufeffFile,Class\n" + rows, "labels.csv", 0},
		"ends of Windows": {flat("", ".png"), strings.ReplaceAll("image,label\n"+rows, "\n", "\r\n"), "labels.csv", 0},
		"more columns": {flat("", ".png"),
			"kg,category,image\n1,dog,a.png\n2,cat,b.png\n,dog,c.png\n,cat,d.png\n,dog,e.png\n", "labels.csv", 0},
		"tabs":           {flat("", ".png"), strings.ReplaceAll("file,label\n"+rows, ",", "\t"), "labels.tsv", 0},
		"tabs in a .csv": {flat("", ".png"), strings.ReplaceAll("file,label\n"+rows, ",", "\t"), "labels.csv", 0},
		"semicolons": {flat("", ".png"),
			"file;kg;label\na.png;1,5;dog\nb.png;2;cat\nc.png;;dog\nd.png;;cat\ne.png;;dog\n", "labels.csv", 0},
		"no endings":        {flat("", ".png"), "id,label\n" + strings.ReplaceAll(rows, ".png", ""), "labels.csv", 0},
		"in a folder":       {flat("images/", ".png"), rows, "labels.csv", 0},
		"in another folder": {flat("jpegs/", ".png"), rows, "labels.csv", 0},
		"by path": {flat("images/", ".png"),
			"image,label\nimages/" + strings.ReplaceAll(strings.TrimSpace(rows), "\n", "\n./images/"), "labels.csv", 0},
		"below another": {flat("pets/images/", ".png"), rows, "pets/labels.csv", 0},
		"train.csv":     {flat("train/", ".png"), "id,label\n" + rows, "train.csv", 0},
		"split":         {flat("", ".png"), split, "labels.csv", 2},
		"only some say val": {flat("", ".png"), "id,label,split\na,dog,\nb,cat,\nc,dog,\nd,cat,val\ne,dog,val\n",
			"labels.csv", 2},
		"spaces about fields": {flat("", ".png"),
			"file , label\na.png , dog\nb.png, cat\n c.png,dog\nd.png,cat\ne.png,dog\n", "labels.csv", 0},
		"the same row twice": {flat("", ".png"), rows + "a.png,dog\n", "labels.csv", 0},
	} {
		t.Run(name, func(t *testing.T) {
			whole := mini.Join(c.images, mini.Files{c.as: []byte(c.table)})
			for container, path := range everyContainer(t, whole) {
				sameTable(t, container, open(t, source.Options{}, path), c.images, c.val)
			}
			base := c.as[strings.LastIndex(c.as, "/")+1:]
			given := mini.Write(t, base, []byte(c.table))
			sameTable(t, "a path of its own", open(t, source.Options{}, c.images.Folder(t), given), c.images, c.val)
			sameTable(t, "asked for", open(t, source.Options{Format: "csv"}, given, c.images.Tar(t, "x.tar.gz")), c.images,
				c.val)
		})
	}
}

func sameTable(t *testing.T, where string, s opened, images mini.Files, val int) {
	t.Helper()
	if s.Kind != "images with a table of labels" || !slices.Equal(classIDs(s.Listing), []string{"cat", "dog"}) ||
		len(s.Rejected) > 0 {
		t.Fatalf("%s: %s, classes %v, rejected %v", where, s.Kind, s.Classes, s.Rejected)
	}
	keys, data := s.contents(t)
	if len(keys) != 5 || len(labels(s.Listing, true)) != val {
		t.Fatalf("%s: items %q", where, keys)
	}
	for i, it := range s.Items {
		name := it.Name[len(it.Name)-5:]
		if want := int32(1 - (name[0]-'a')%2); it.Label != want {
			t.Errorf("%s: %s has label %d, want %d", where, it.Name, it.Label, want)
		}
		for path, want := range images {
			if strings.HasSuffix(path, name) && string(data[i]) != string(want) {
				t.Errorf("%s: %s has other bytes", where, it.Name)
			}
		}
	}
}

// Two tables that are named as splits.
func TestTablesOfSplits(t *testing.T) {
	f := mini.Join(flat("train/", ".png"), flat("val/", ".png"),
		mini.Files{"train.csv": []byte("id,label\na,x\nb,y\nc,x\nd,y\ne,x\n"),
			"val.csv": []byte("id,label\na,y\nb,x\nc,y\nd,x\ne,y\n")})
	s := open(t, source.Options{}, f.Folder(t))
	if want := []int32{0, 0, 0, 1, 1}; !slices.Equal(labels(s.Listing, false), want) || len(s.Rejected) > 0 {
		t.Errorf("labels %v, rejected %v", labels(s.Listing, false), s.Rejected)
	}
	if want := []int32{0, 0, 1, 1, 1}; !slices.Equal(labels(s.Listing, true), want) {
		t.Errorf("validation labels %v", labels(s.Listing, true))
	}
}

func TestTableOrdersNumbers(t *testing.T) {
	f := mini.Files{}
	var b strings.Builder
	for k := range 24 {
		f[fmt.Sprintf("i%d.png", k)] = plainPNG(8, 1)
		fmt.Fprintf(&b, "i%d.png,%d\n", k, k/2)
	}
	f["labels.csv"] = []byte(b.String())
	if got := classIDs(open(t, source.Options{}, f.Folder(t)).Listing); got[2] != "2" || got[11] != "11" {
		t.Errorf("classes %v, want numbers in their order", got)
	}
}

func TestTableRejects(t *testing.T) {
	f := flat("", ".png")
	f["labels.csv"] = []byte("file,label,split\na.png,x,\nb.png,,\nc.png,x,somewhere\nd.png,x,\nd.png,y,\nz.png,x,\n,x,\n")
	s := open(t, source.Options{}, f.Folder(t))
	sameRejected(t, s.Rejected, map[string]string{
		"b.png":        "labels.csv:3: no label",
		"c.png":        `labels.csv:4: split "somewhere"`,
		"d.png":        "labels.csv:5: d.png is said again, and otherwise, in labels.csv:6",
		"e.png":        "not in labels.csv",
		"labels.csv:7": "no image z.png",
		"labels.csv:8": "no file name",
	})
	if len(s.Items) != 1 {
		t.Errorf("%d items, want 1", len(s.Items))
	}
	const rows = "a.png,x\nb.png,y\nc.png,x\nd.png,y\n"
	for first, lacks := range map[string]map[string]string{ // which are no headers
		"z.png,x\n":             {"labels.csv:1": "no image z.png"},
		"z.png,z\nz2.png,z\n":   {"labels.csv:1": "no image z.png", "labels.csv:2": "no image z2.png"},
		"file,label\nz.png,z\n": {"labels.csv:2": "no image z.png"},
	} {
		f["labels.csv"] = []byte(first + rows + "e.png,x\n")
		sameRejected(t, open(t, source.Options{}, f.Folder(t)).Rejected, lacks)
	}
}

// Images without labels that lie in a split for tests are no fault.
func TestUnlabelledTests(t *testing.T) {
	f := mini.Join(flat("train/", ".png"), mini.Files{"test/1.png": plainPNG(8, 1), "train/z.png": plainPNG(8, 2),
		"train.csv": []byte("file,label\na,x\nb,y\nc,x\nd,y\ne,x\n")})
	aside := map[string]bool{}
	for _, r := range open(t, source.Options{}, f.Folder(t)).Rejected {
		aside[r.File] = r.Aside
	}
	if len(aside) != 2 || !aside["test/1.png"] || aside["train/z.png"] {
		t.Errorf("set aside: %v", aside)
	}
}

// Where rows say that they are for training, those that say nothing are for nothing.
func TestRowsWithoutSplit(t *testing.T) {
	f := flat("", ".png")
	f["labels.csv"] = []byte("file,label,split\na.png,x,train\nb.png,y,train\nc.png,x,\nd.png,y,val\ne.png,x,val\n")
	s := open(t, source.Options{}, f.Folder(t))
	sameRejected(t, s.Rejected, map[string]string{"c.png": "labels.csv:4: no split, where other rows have train"})
}

// A Mac writes letters with their accents apart in the names of files.
func TestComposedNames(t *testing.T) {
	f := mini.Files{"u\u0308ber.png": plainPNG(8, 1), "\u00e4.png": plainPNG(8, 2)}
	f["labels.csv"] = []byte("file,label\n\u00fcber.png,x\na\u0308.png,y\n")
	if s := open(t, source.Options{}, f.Folder(t)); len(s.Items) != 2 || len(s.Rejected) > 0 {
		t.Errorf("%d items, rejected %v", len(s.Items), s.Rejected)
	}
	f = mini.Files{"u.png": plainPNG(8, 1), "v.png": plainPNG(8, 2), "w.png": plainPNG(8, 3)}
	f["labels.csv"] = []byte("file,label\nu.png,\u00e4\nv.png,x\nw.png,a\u0308\n") // two that only look the same
	s := open(t, source.Options{}, f.Folder(t))
	if got := classIDs(s.Listing); len(s.Items) != 3 || !slices.Equal(got, []string{"x", "\u00e4"}) {
		t.Errorf("%d items, classes %q, rejected %v", len(s.Items), got, s.Rejected)
	}
	f["\u00fc.png"], f["u\u0308.png"] = f["u.png"], f["v.png"]
	f["labels.csv"] = []byte("file,label\n\u00fc.png,x\nu\u0308.png,y\nw.png,x\n")
	lacks(t, failure(source.Options{}, f.Folder(t)), "labels.csv:2: means both", "want paths below the source")
}

func TestTableErrors(t *testing.T) {
	twins := mini.Join(flat("x/", ".png"), flat("y/", ".png"))
	for name, c := range map[string]struct {
		f      mini.Files
		format string
		want   []string
	}{
		"ambiguous": {mini.Join(twins, mini.Files{"labels.csv": []byte("a,x\nb,y\n")}), "csv",
			[]string{"labels.csv:1: means both", "x/a.png", "y/a.png"}},
		"ambiguous, in a folder": {mini.Join(twins, mini.Files{"x/labels.csv": []byte("a,x\nb,y\n")}), "csv",
			[]string{"x/labels.csv:1: means both", "want paths below the source, or a table for each split"}},
		"a table in each folder": {mini.Join(twins, mini.Files{"x/l.csv": []byte("a,x\n"), "y/l.csv": []byte("b,y\n")}),
			"csv", []string{"several tables of labels, x/l.csv and y/l.csv", "one for each split"}},
		"three columns": {mini.Join(flat("", ".png"), mini.Files{"labels.csv": []byte("a,b,c\n")}), "",
			[]string{"labels.csv:1", "columns", "filename"}},
		"one column": {mini.Join(flat("", ".png"), mini.Files{"labels.csv": []byte("a|b\n")}), "",
			[]string{"labels.csv:1", "a|b", "want one of file", "a semicolon"}},
		"no classes": {mini.Join(flat("", ".png"),
			mini.Files{"sizes.csv": []byte("file,bytes\na,1\nb,2\nc,3\nd,4\n")}), "",
			[]string{"sizes.csv:1", `"bytes"`, "want one of file"}},
		"only a file": {mini.Join(flat("", ".png"), mini.Files{"labels.csv": []byte("file,kg,cm\na,b,c\n")}), "",
			[]string{"labels.csv:1", "columns"}},
		"no row": {mini.Join(flat("", ".png"), mini.Files{"labels.csv": []byte("file,label\n")}), "",
			[]string{"labels.csv", "no row"}},
		"uneven rows": {mini.Join(flat("", ".png"), mini.Files{"labels.csv": []byte("a,b\nc\n")}), "",
			[]string{"labels.csv", "line 2", "wrong number of fields"}},
		"other names": {mini.Join(flat("", ".png"), mini.Files{"labels.csv": []byte("u,b\nv,c\n")}), "",
			[]string{"labels.csv names none of the images"}},
		"two tables": {mini.Join(flat("", ".png"), mini.Files{"a.csv": []byte("a,b\n"), "b.csv": []byte("a,b\n")}),
			"", []string{"a.csv and b.csv", "path of its own"}},
		"a class of val": {mini.Join(flat("", ".png"), mini.Files{"l.csv": []byte("file,label,split\na,x,\nb,y,val\n")}),
			"", []string{"(such as b.png)", "class y", "no training image"}},
		"UTF-16": {mini.Join(flat("", ".png"), mini.Files{"l.csv": []byte("\xff\xfea\x00,\x00x\x00\n\x00")}), "",
			[]string{"l.csv: a NUL byte: want a text in UTF-8"}},
		"a NUL byte": {mini.Join(flat("", ".png"), mini.Files{"l.csv": []byte("a,b\x00\n")}), "",
			[]string{"l.csv", "NUL"}},
		"a long line": {mini.Join(flat("", ".png"), mini.Files{"l.csv": []byte("a," + strings.Repeat("x", 70000) +
			"\n")}), "", []string{"l.csv:1", "70002 bytes"}},
		"none, asked for":   {flat("", ".png"), "csv", []string{"not of the format csv", "images with a .csv"}},
		"asked for folders": {flat("", ".png"), "folders", []string{"5 images", "none in a class folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			lacks(t, failure(source.Options{Format: c.format}, c.f.Folder(t)), c.want...)
		})
	}
}
