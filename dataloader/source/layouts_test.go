package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// laid are images at paths, which braces abbreviate: "train/{a,b}/{1,2}.png".
func laid(patterns ...string) mini.Files {
	f := mini.Files{}
	for _, p := range patterns {
		all := []string{""}
		for p != "" {
			before, rest, braces := strings.Cut(p, "{")
			inner, after, _ := strings.Cut(rest, "}")
			var next []string
			for _, a := range all {
				if !braces {
					next = append(next, a+before)
					continue
				}
				for _, one := range strings.Split(inner, ",") {
					next = append(next, a+before+one)
				}
			}
			all, p = next, after
		}
		for k, path := range all {
			f[path] = plainPNG(8, uint8(len(f)+k))
		}
	}
	return f
}

// text adds files of text to images.
func (f laidFiles) text(path, content string) laidFiles {
	return laidFiles(mini.Join(mini.Files(f), mini.Files{path: []byte(content)}))
}

type laidFiles mini.Files

// rows are lines "NAME,CLASS" of images by number, the classes in turn.
func rows(head, pattern string, first, last int, classes ...string) string {
	var b strings.Builder
	b.WriteString(head)
	for k := first; k <= last; k++ {
		fmt.Fprintf(&b, pattern+",%s\n", k, classes[k%len(classes)])
	}
	return b.String()
}

// TestLayouts: data sets as people have them. Classes, the numbers of images and the number of those left out are what the
// layout means, or the error says what is to be done.
func TestLayouts(t *testing.T) {
	const w1, w2 = "n01440764", "n02102040"
	for name, c := range map[string]struct {
		files      laidFiles
		classes    string
		train, val int
		rejected   int
	}{
		"Imagenette: names of validation images in train": {laidFiles(laid("i/train/{n01440764,n02102040}/ILSVRC2012_val_0000029{1,2}.JPEG", "i/train/{n01440764,n02102040}/x_1.JPEG",
			"i/val/{n01440764,n02102040}/x_2.JPEG")), w1 + " " + w2, 6, 2, 0},
		"WordNet folders, capital splits": {laidFiles(laid("Train/{n01440764,n02102040}/{1,2}.png", "Val/{n01440764,n02102040}/3.png")), w1 + " " + w2, 4, 2, 0},
		"WordNet folders, other words":    {laidFiles(laid("training/{n01440764,n02102040}/{1,2}.png", "testing/{n01440764,n02102040}/3.png")), w1 + " " + w2, 4, 2, 0},
		"ImageNet-100 in parts":           {laidFiles(laid("train.X1/n01440764/{1,2}.png", "train.X2/n02102040/{1,2}.png", "val.X/{n01440764,n02102040}/3.png")), w1 + " " + w2, 4, 2, 0},
		"WordNet folders in three splits": {laidFiles(laid("{train,val,test}/{n01440764,n02102040}/{1,2}.png")), w1 + " " + w2, 4, 4, 4},
		"WordNet folders, a stray": {laidFiles(laid("train/{n01440764,n02102040}/{1,2}.png", "sample.png", "val/images/{3,4}.png")).text("val/list.txt", "3.png n01440764\n"),
			w1 + " " + w2, 4, 1, 2},
		"class folders, dev":         {laidFiles(laid("{train,dev}/{a,b}/{1,2}.png")), "a b", 4, 4, 0},
		"class folders, Testing":     {laidFiles(laid("w/{Training,Testing}/{a,b}/{1,2}.png")), "a b", 4, 4, 0},
		"splits within themselves":   {laidFiles(laid("training_set/training_set/{a,b}/{1,2}.png", "test_set/test_set/{a,b}/3.png")), "a b", 4, 2, 0},
		"splits of a name":           {laidFiles(laid("seg_train/seg_train/{a,b}/{1,2}.png", "seg_test/seg_test/{a,b}/3.png", "seg_pred/seg_pred/{1,2}.png")), "a b", 4, 2, 2},
		"three splits":               {laidFiles(laid("{train,valid,test}/{a,b}/{1,2}.png")), "a b", 4, 4, 4},
		"one split and other images": {laidFiles(laid("train_images/{a,b}/{1,2}.png", "predict/{1,2}.png")), "a b", 4, 0, 2},
		"domains in front":           {laidFiles(laid("w/{train,test}/{a,b}/{left,right}.png")), "a b", 4, 4, 0},
		"a part in every class":      {laidFiles(laid("{a,b}/images/{1,2}.png")), "a b", 4, 0, 0},

		"a table of images in parts":         {laidFiles(laid("part_1/{1,2}.png", "part_2/{3,4}.png")).text("meta.csv", rows("image_id,label\n", "%d", 1, 4, "x", "y")), "x y", 4, 0, 0},
		"a table of the training images":     {laidFiles(laid("train_images/{1,2,3,4}.png", "test_images/{5,6}.png")).text("train.csv", rows("image_id,label\n", "%d.png", 1, 4, "x", "y")), "x y", 4, 0, 2},
		"a table and folders of splits":      {laidFiles(laid("train/{1,2}.png", "val/{3,4}.png")).text("labels.csv", rows("file,label\n", "%d.png", 1, 4, "x", "y")), "x y", 2, 2, 0},
		"the same, by paths":                 {laidFiles(laid("train/{1,2}.png", "val/{1,2}.png")).text("labels.csv", rows("file,label\n", "train/%d.png", 1, 2, "x", "y")+rows("", "val/%d.png", 1, 2, "x", "y")), "x y", 2, 2, 0},
		"a table in each split":              {laidFiles(laid("train/{1,2}.png", "test/{1,2}.png")).text("train/metadata.csv", "file_name,label\n1.png,x\n2.png,y\n").text("test/metadata.csv", "file_name,label\n1.png,y\n2.png,x\n"), "x y", 2, 2, 0},
		"a table in each split, and folders": {laidFiles(laid("{train,val}/images/{1,2}.png")).text("train/labels.csv", "file,label\n1.png,x\n2.png,y\n").text("val/labels.csv", "file,label\n1.png,y\n2.png,x\n"), "x y", 2, 2, 0},
		"a table for each split":             {laidFiles(laid("Train/{1,2}.png", "Val/{1,2}.png")).text("train.csv", "1,x\n2,y\n").text("val.csv", "1,y\n2,x\n"), "x y", 2, 2, 0},
		"tables of three splits":             {laidFiles(laid("i/{1,2,3,4,5,6}.png")).text("train.csv", "1,x\n2,y\n").text("val.csv", "3,y\n4,x\n").text("test.csv", "5,x\n6,x\n"), "x y", 2, 2, 2},
		"a column of three splits":           {laidFiles(laid("{1,2,3,4,5}.png")).text("l.csv", "file,label,subset\n1,x,train\n2,y,training\n3,x,val\n4,y,Valid\n5,y,test\n"), "x y", 2, 2, 1},
		"numbers twice, one table":           {laidFiles(laid("train/{1,2}.png", "test/{1,2}.png")).text("train.csv", "id,breed\n1,x\n2,y\n"), "x y", 2, 0, 2},
		"splits within themselves, a table":  {laidFiles(laid("train/train/{1,2}.png", "test/test/{3,4}.png")).text("train.csv", "id,breed\n1,x\n2,y\n"), "x y", 2, 0, 2},
		"a table in a folder of its own":     {laidFiles(laid("images/{1,2}.png")).text("meta/labels.csv", "file,label\n1.png,x\n2.png,y\n"), "x y", 2, 0, 0},
		"paths of some disk":                 {laidFiles(laid("img/{1,2}.png")).text("l.csv", "file,label\nC:\\data\\img\\1.png,x\nC:\\data\\img\\2.png,y\n"), "x y", 2, 0, 0},
		"paths from elsewhere":               {laidFiles(laid("img/{1,2}.png")).text("l.csv", "file,label\n../set/img/1.png,x\n../set/img/2.png,y\n"), "x y", 2, 0, 0},
		"a table that agrees":                {laidFiles(laid("{a,b}/{1,2}.png")).text("l.csv", "file,label\na/1.png,0\na/2.png,0\nb/1.png,1\nb/2.png,1\n"), "a b", 4, 0, 0},
		"a label of another name":            {laidFiles(laid("{1,2}.png")).text("l.csv", "id,species\n1,x\n2,y\n"), "x y", 2, 0, 0},
		"said twice":                         {laidFiles(laid("{1,2,3}.png")).text("train.csv", "1,x\n2,y\n3,x\n").text("val.csv", "3,x\n2,x\n"), "x", 1, 0, 2},
		"said with an ending and without":    {laidFiles(laid("{1,2,3}.png")).text("l.csv", "1.png,x\n1,y\n2,y\n2.png,y\n3,z\n"), "y z", 2, 0, 1},
		"ends of lines of an old Mac":        {laidFiles(laid("{1,2}.png")).text("l.csv", "file,label\r1,x\r2,y\r"), "x y", 2, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for container, path := range everyContainer(t, mini.Files(c.files)) {
				s := open(t, source.Options{}, path)
				train, val := len(labels(s.Listing, false)), len(labels(s.Listing, true))
				left := len(s.Rejected)
				for _, r := range s.Rejected {
					if r.Cause == "test images: they have no labels" {
						var n int
						fmt.Sscanf(r.File, "(%d image", &n)
						left += n - 1
					}
				}
				if got := strings.Join(classIDs(s.Listing), " "); got != c.classes || train != c.train || val != c.val || left != c.rejected || len(s.Faults) > 0 {
					t.Errorf("%s: classes %s, %d training and %d validation images, rejected %v, faults %v; want %s, %d, %d, %d", container, got, train, val,
						s.Rejected, s.Faults, c.classes, c.train, c.val, c.rejected)
				}
			}
		})
	}
}

// Layouts that are not understood are refused rather than taken for classes that are none.
func TestDoubtfulLayouts(t *testing.T) {
	for name, c := range map[string]struct {
		files laidFiles
		want  []string
	}{
		"one folder":                 {laidFiles(laid("pets/images/cat_{1,2}.png")), []string{"2 images", "one class", "images", ".csv", "--format folders"}},
		"images and annotations":     {laidFiles(laid("images/{1,2}.png", "annotations/trimaps/{1,2}.png")), []string{"annotations, images", "parts of a data set"}},
		"flat splits":                {laidFiles(laid("train/{1,2}.png", "test1/{3,4}.png")), []string{"4 images", "none in a class folder"}},
		"variants":                   {laidFiles(laid("{color,grayscale,segmented}/{a,b,c}/1.png")), []string{"color, grayscale, segmented", "a, b, c", "which are the classes"}},
		"domains":                    {laidFiles(laid("{amazon,dslr}/images/{a,b}/1.png")), []string{"amazon, dslr", "a, b", "which are the classes"}},
		"splits in classes":          {laidFiles(laid("{a,b}/{train,test}/1.png")), []string{"folders a, b hold folders", "test, train"}},
		"two kinds of training":      {laidFiles(laid("{train_a,train_b,test}/{x,y}/1.png")), []string{"train_a and train_b", "path of its own"}},
		"parts, an unreadable table": {laidFiles(laid("part_1/{1,2}.png", "part_2/{3,4}.png")).text("meta.csv", "age,sex,dx\n1,2,3\n"), []string{"part_1, part_2", "not used: meta.csv:1: columns"}},
		"two tables, one unreadable": {laidFiles(laid("train/{1,2}.png", "test/{3,4}.png")).text("a.csv", "id,kind,note\n1,x,\n2,y,\n").text("sample.csv", "id,label\n3,0\n4,0\n"), []string{"sample.csv", "a.csv:1", "path of its own"}},
		"archives beside an image":   {laidFiles(mini.Join(laid("cover.png"), mini.Files{"cats.zip": {1}})), []string{"1 image", "not used: cats.zip: an archive beside loose images"}},
		"images without endings":     {laidFiles{"cats/1": plainPNG(8, 1), "dogs/2": plainPNG(8, 2)}, []string{"2 images", "cats/1", "an ending such as .jpg"}},
		"other formats":              {laidFiles{"cats/1.ppm": nil, "dogs/2.ppm": nil}, []string{"2 images of other formats", "cats/1.ppm", "convert"}},
	} {
		t.Run(name, func(t *testing.T) { lacks(t, failure(source.Options{}, mini.Files(c.files).Folder(t)), c.want...) })
	}
	s := open(t, source.Options{Format: "folders"}, laid("{color,grayscale}/{a,b}/1.png").Folder(t))
	if got := classIDs(s.Listing); !slices.Equal(got, []string{"color", "grayscale"}) {
		t.Errorf("asked for folders: classes %v", got)
	}
}

// Classes that cannot be used are faults, and the others can be.
func TestFaults(t *testing.T) {
	f := mini.Join(laid("train/{a,b}/{1,2}.png", "val/{a,b,c}/3.png"), mini.Files{"train/docs/": nil})
	for container, path := range everyContainer(t, f) {
		s := open(t, source.Options{}, path)
		if got := classIDs(s.Listing); !slices.Equal(got, []string{"a", "b"}) || len(s.Items) != 6 || len(s.Faults) != 2 || s.Faults[0].Class != "docs" || s.Faults[1].Class != "c" {
			t.Errorf("%s: classes %v, %d images, faults %v", container, got, len(s.Items), s.Faults)
		}
	}
}

// The same of WordNet folders, each once.
func TestWordNetFaults(t *testing.T) {
	f := mini.Join(laid("train/{n01440764,n02102040}/images/{1,2}.png", "val/{n01440764,n02102040,n03000684}/3.png"),
		mini.Files{"train/n03028079/images/": nil})
	for container, path := range everyContainer(t, f) {
		s := open(t, source.Options{}, path)
		var faults []string
		for _, f := range s.Faults {
			faults = append(faults, f.Class)
		}
		if len(s.Classes) != 2 || len(s.Items) != 6 || !slices.Equal(faults, []string{"n03028079", "n03000684"}) {
			t.Errorf("%s: classes %v, %d images, faults %v", container, s.Classes, len(s.Items), s.Faults)
		}
	}
}

// Columns may be named, and tables be paths of their own whatever their endings and however many texts there are.
func TestNamedTables(t *testing.T) {
	images := laid("{1,2,3,4}.png")
	odd := "age,dx,image\n7,x,1\n7,y,2\n7,x,3\n7,y,4\n"
	s := open(t, source.Options{Columns: []string{"IMAGE", "dx"}}, mini.Join(images, mini.Files{"l.csv": []byte(odd)}).Folder(t))
	if got := classIDs(s.Listing); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("named columns: classes %v", got)
	}
	lacks(t, failure(source.Options{Columns: []string{"file", "dx"}}, mini.Join(images, mini.Files{"l.csv": []byte(odd)}).Folder(t)), "l.csv:1", `no column "file"`)
	lacks(t, failure(source.Options{Columns: []string{"file"}}, images.Folder(t)), `columns ["file"]`, "of files, of labels")
	dir := images.Folder(t)
	for _, text := range []string{"1 x\n2 y\n3 x\n4 y\n", "1.png,x\n2.png,y\n3.png,x\n4.png,y\n"} {
		s = open(t, source.Options{}, dir, mini.Write(t, "labels.txt", []byte(text)))
		if got := classIDs(s.Listing); !slices.Equal(got, []string{"x", "y"}) || len(s.Items) != 4 {
			t.Errorf("a .txt: classes %v, %d images", got, len(s.Items))
		}
	}
	many := mini.Join(images, mini.Files{"labels.csv": []byte("1,x\n2,y\n3,x\n4,y\n")})
	for k := range 300 {
		many[fmt.Sprintf("captions/%d.txt", k)] = []byte("a caption")
		many[fmt.Sprintf("boxes/%d.csv", k)] = []byte("1,2,3\n")
	}
	s = open(t, source.Options{}, many.Folder(t))
	if got := classIDs(s.Listing); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("many texts: classes %v, rejected %v", got, s.Rejected)
	}
	given := []string{dir, mini.Files{"train/l.csv": []byte("1,x\n2,y\n")}.Folder(t) + "/train/l.csv", mini.Files{"val/l.csv": []byte("3,x\n4,y\n")}.Folder(t) + "/val/l.csv"}
	s = open(t, source.Options{}, given...)
	if train, val := len(labels(s.Listing, false)), len(labels(s.Listing, true)); train != 2 || val != 2 {
		t.Errorf("two tables of one name: %d and %d images", train, val)
	}
}
