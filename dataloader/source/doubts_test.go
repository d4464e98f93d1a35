package source_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// What only a guess would understand is refused, with what would be taken instead.
func TestNotGuessed(t *testing.T) {
	for name, c := range map[string]struct {
		files laidFiles
		want  []string
	}{
		"ends of lines of an old Mac": {laidFiles(laid("{1,2}.png")).text("l.csv", "file,label\r1,x\r2,y\r"),
			[]string{"l.csv:1: columns", "want one of file"}},
		"files of EMNIST": {laidFiles{"emnist-letters-train-images-idx3-ubyte": idxFile(make([]byte, 4), 1, 2, 2),
			"emnist-letters-train-labels-idx1-ubyte": idxFile([]byte{1}, 1)},
			[]string{"no images that are recognised", "IDX's train-images-idx3-ubyte"}},
		"ImageNet-100 in parts": {laidFiles(laid("train.X1/n01440764/{1,2}.png", "train.X2/n02102040/{1,2}.png",
			"val.X/{n01440764,n02102040}/3.png")),
			[]string{"train.X1 and in train.X2", "which are the classes"}},
		"parts of a split": {laidFiles(laid("train/part1/n01440764/{1,2}.png", "train/part2/n02102040/{1,2}.png",
			"val/{n01440764,n02102040}/3.png")),
			[]string{"train/part1 and in train/part2", "which are the classes"}},
		"a column of each split": {laidFiles(laid("{1,2,3,4,5,6}.png")).text("labels.csv",
			"file,label,is_train,is_valid,is_test\n1,x,1.0,0.0,0.0\n2,y,1.0,0.0,0.0\n3,x,0.0,1.0,0.0\n4,y,0.0,1.0,0.0\n"+
				"5,x,0.0,0.0,1.0\n6,y,0.0,0.0,1.0\n"),
			[]string{`is "is_test" of splits`, "--columns FILE,LABEL"}},
		"a column of each split, contradicting": {laidFiles(laid("{1,2,3}.png")).text("labels.csv",
			"file,label,is_train,is_valid\n1,x,y,n\n2,y,y,n\n3,x,y,y\n"),
			[]string{`is "is_train" of splits`}},
		"is_test, and folders of splits": {laidFiles(laid("train/{1,2}.png", "val/{3,4}.png")).text("labels.csv",
			"file,label,is_test\n1,x,0\n2,y,0\n3,x,0\n4,y,0\n"),
			[]string{`is "is_test" of splits`, "Name it split"}},
		"a column of three splits": {laidFiles(laid("{1,2,3,4,5}.png")).text("l.csv",
			"file,label,subset\n1,x,train\n2,y,training\n3,x,val\n4,y,Valid\n5,y,test\n"),
			[]string{`is "subset" of splits`, "Name it split"}},
		"splits within themselves": {laidFiles(laid("training_set/training_set/{a,b}/{1,2}.png",
			"test_set/test_set/{a,b}/3.png")),
			[]string{"test_set, training_set", "parts of a data set"}},
		"splits of a name": {laidFiles(laid("seg_train/seg_train/{a,b}/{1,2}.png", "seg_test/seg_test/{a,b}/3.png",
			"seg_pred/seg_pred/{1,2}.png")),
			[]string{"class seg_test holds no image", "or of train/CLASS/IMAGE and val/CLASS/IMAGE"}},
		"one split and other images": {laidFiles(laid("train_images/{a,b}/{1,2}.png", "predict/{1,2}.png")),
			[]string{"class train_images holds no image", "or of train/CLASS/IMAGE and val/CLASS/IMAGE"}},
		"splits of one word": {laidFiles(laid("{TrainImages,TestImages}/{a,b}/{1,2}.png")),
			[]string{"TestImages, TrainImages", "parts of a data set"}},
		"with and without masks": {laidFiles(laid("{train_set,test_set}/{with_mask,without_mask}/{1,2}.png")),
			[]string{"test_set, train_set", "parts of a data set"}},
		"a class of split words": {laidFiles(laid("train_images/{test tube,dog}/images/{1,2}.png",
			"val_images/{test tube,dog}/images/{3,4}.png")),
			[]string{"class train_images holds no image", "or of train/CLASS/IMAGE and val/CLASS/IMAGE"}},
		"a wrapper in each split": {laidFiles(laid("{train,val}/pets/{a,b}/{1,2}.png")),
			[]string{"one class, the folder pets"}},
		"one split within itself": {laidFiles(laid("train/train/{a,b}/{1,2}.png", "val/{a,b}/3.png")),
			[]string{"one class, the folder train", "want a source of CLASS/IMAGE, or of train/CLASS/IMAGE"}},
		"a split within itself, and more": {laidFiles(laid("{train,val}/{train,extra}/{a,b}/{1,2}.png")),
			[]string{"class extra holds no image", "which are the classes"}},
		"tests without labels": {laidFiles(laid("train/{a,b}/{1,2}.png", "test/unknown/{3,4}.png")),
			[]string{"class unknown is in the validation split (such as test/unknown/4.png), but has no training image"}},
		"the same with a table": {laidFiles(laid("{train,val}/{dog,n01440764}/{1,2}.png")).text("l.csv",
			"file,label\ntrain/dog/1.png,dog\ntrain/n01440764/1.png,n01440764\ntrain/dog/2.png,dog\n"),
			[]string{"labels images that lie in folders of their own", "--format csv", "--format folders"}},
		"WordNet splits beside others": {laidFiles(laid("imagenet_train/{n01440764,n02102040}/{1,2}.png",
			"val/{n01440764,n02102040}/3.png", "misc.png")),
			[]string{"imagenet_train and in val", "which are the classes"}},
		"a table of images in parts": {laidFiles(laid("part_1/{1,2}.png", "part_2/{3,4}.png")).text("meta.csv",
			rows("image_id,label\n", "%d", 1, 4, "x", "y")),
			[]string{"meta.csv labels images that lie in folders of their own", "--format csv"}},
		"a table of the training images": {laidFiles(laid("train_images/{1,2,3,4}.png",
			"test_images/{5,6}.png")).text("train.csv", rows("image_id,label\n", "%d.png", 1, 4, "x", "y")),
			[]string{"train.csv labels images that lie in folders of their own", "--format csv"}},
		"numbers twice, one table": {laidFiles(laid("train/{1,2}.png", "test/{1,2}.png")).text("train.csv",
			"id,breed\n1,x\n2,y\n"),
			[]string{"train.csv:1", `"breed"`, "want one of file", "--columns FILE,LABEL"}},
		"splits within themselves, a table": {laidFiles(laid("train/train/{1,2}.png",
			"test/test/{3,4}.png")).text("train.csv", "id,breed\n1,x\n2,y\n"),
			[]string{"train.csv:1", `"breed"`, "--columns FILE,LABEL"}},
		"paths of some disk": {laidFiles(laid("img/{1,2}.png")).text("l.csv",
			"file,label\nC:\\data\\img\\1.png,x\nC:\\data\\img\\2.png,y\n"),
			[]string{"l.csv names none of the images"}},
		"paths from elsewhere": {laidFiles(laid("img/{1,2}.png")).text("l.csv",
			"file,label\n../set/img/1.png,x\n../set/img/2.png,y\n"),
			[]string{"l.csv names none of the images"}},
		"paths of some disk, splits": {laidFiles(laid("{train,test}/{1,2}.png")).text("l.csv",
			"file,label\n/data/x/train/1.png,x\n/data/x/train/2.png,y\n"),
			[]string{"l.csv names none of the images"}},
		"a table with an odd folder": {laidFiles(laid("{test_tube,beaker,flask}/{1,2}.png")).text("l.csv",
			"file,label\ntest_tube/1.png,x\ntest_tube/2.png,y\nbeaker/1.png,x\nbeaker/2.png,y\nflask/1.png,x\nflask/2.png,y\n"),
			[]string{"l.csv labels images that lie in folders of their own"}},
		"tables and odd folders": {laidFiles(laid("{alpha,test bench}/{1,2}.png", "beta/{3,4}.png")).text("train.csv",
			"file,label\nalpha/1.png,x\nalpha/2.png,y\ntest bench/1.png,x\n").text("test.csv", "file,label\ntest "+
			"bench/2.png,x\n3.png,x\n4.png,y\n"),
			[]string{"labels images that lie in folders of their own"}},
		"a table with splits": {laidFiles(laid("{cat,dog}/{1,2}.png")).text("l.csv",
			"file,label,split\ncat/1.png,cat,train\ncat/2.png,cat,val\ndog/1.png,dog,train\ndog/2.png,dog,val\n"),
			[]string{"l.csv labels images that lie in folders of their own"}},
		"tables with splits": {laidFiles(laid("{cat,dog}/{1,2}.png")).text("train.csv",
			"file,label\ncat/1.png,cat\ndog/1.png,dog\n").text("test.csv", "file,label\ncat/2.png,cat\ndog/2.png,dog\n"),
			[]string{"labels images that lie in folders of their own"}},
		"id and name": {laidFiles(laid("{1,2,3}.png")).text("l.csv", "id,name\n1,dog\n2,cat\n3,dog\n"),
			[]string{"l.csv:1", `"name"`, "want one of file", "--columns FILE,LABEL"}},
		"a table that agrees": {laidFiles(laid("{a,b}/{1,2}.png")).text("l.csv",
			"file,label\na/1.png,0\na/2.png,0\nb/1.png,1\nb/2.png,1\n"),
			[]string{"l.csv labels images that lie in folders of their own", "--format folders"}},
		"a label of another name": {laidFiles(laid("{1,2}.png")).text("l.csv", "id,species\n1,x\n2,y\n"),
			[]string{"l.csv:1", `"species"`, "--columns FILE,LABEL"}},
	} {
		t.Run(name, func(t *testing.T) { lacks(t, failure(source.Options{}, mini.Files(c.files).Folder(t)), c.want...) })
	}
	for name, c := range map[string]struct { // but for who asks for it
		files   laidFiles
		o       source.Options
		classes string
		val     int
	}{
		"a table in folders": {laidFiles(laid("{cat,dog}/{1,2}.png")).text("l.csv",
			"file,label,split\ncat/1.png,x,train\ncat/2.png,x,val\ndog/1.png,y,train\ndog/2.png,y,val\n"),
			source.Options{Format: "csv"}, "x y", 2},
		"tables in folders": {laidFiles(laid("{cat,dog}/{1,2}.png")).text("train.csv",
			"file,label\ncat/1.png,x\ndog/1.png,y\n").text("test.csv", "file,label\ncat/2.png,x\ndog/2.png,y\n"),
			source.Options{Format: "csv"}, "x y", 2},
		"the folders": {laidFiles(laid("{cat,dog}/{1,2}.png")).text("l.csv", "file,label\ncat/1.png,x\ndog/1.png,y\n"),
			source.Options{Format: "folders"}, "cat dog", 0},
		"a table of parts": {laidFiles(laid("part_1/{1,2}.png", "part_2/{3,4}.png")).text("meta.csv",
			rows("image_id,label\n", "%d", 1, 4, "x", "y")), source.Options{Format: "csv"}, "x y", 0},
		"other columns": {laidFiles(laid("{1,2}.png")).text("l.csv", "id,species\n1,x\n2,y\n"),
			source.Options{Columns: []string{"id", "species"}}, "x y", 0},
	} {
		s := open(t, c.o, mini.Files(c.files).Folder(t))
		if got := strings.Join(classIDs(s.Listing), " "); got != c.classes || len(labels(s.Listing, true)) != c.val {
			t.Errorf("%s: classes %s, %d validation images, want %s, %d", name, got, len(labels(s.Listing, true)), c.classes,
				c.val)
		}
	}
}

// Classes that cannot be used are faults, and the others can be.
func TestFaults(t *testing.T) {
	f := mini.Join(laid("train/{a,b}/{1,2}.png", "val/{a,b,c}/3.png"), mini.Files{"train/docs/": nil})
	for container, path := range everyContainer(t, f) {
		s := open(t, source.Options{}, path)
		if got := classIDs(s.Listing); !slices.Equal(got, []string{"a", "b"}) || len(s.Items) != 6 || len(s.Faults) != 2 ||
			s.Faults[0].Class != "docs" || s.Faults[1].Class != "c" {
			t.Errorf("%s: classes %v, %d images, faults %v", container, got, len(s.Items), s.Faults)
		}
	}
}

// So can be folders that are hardly classes.
func TestDoubtfulClasses(t *testing.T) {
	for _, p := range []string{"{cats,dogs,test}/{1,2}.png", "{cats,dogs}/{1,2}.png pets/{cats,dogs}/{1,2}.png"} {
		s := open(t, source.Options{}, laid(strings.Fields(p)...).Folder(t))
		if got := classIDs(s.Listing); !slices.Equal(got, []string{"cats", "dogs"}) || len(s.Items) != 4 ||
			len(s.Faults) != 1 {
			t.Errorf("%s: classes %v, %d images, faults %v", p, got, len(s.Items), s.Faults)
		}
		s = open(t, source.Options{Format: "folders"}, laid(strings.Fields(p)...).Folder(t))
		if len(s.Classes) != 3 || len(s.Faults) > 0 {
			t.Errorf("%s, asked for: classes %v, faults %v", p, s.Classes, s.Faults)
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
	s := open(t, source.Options{Columns: []string{"IMAGE", "dx"}},
		mini.Join(images, mini.Files{"l.csv": []byte(odd)}).Folder(t))
	if got := classIDs(s.Listing); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("named columns: classes %v", got)
	}
	valid := "path,noisy,is_valid\n1,x,False\n2,y,False\n3,x,True\n4,y,True\n"
	s = open(t, source.Options{Columns: []string{"path", "noisy"}},
		mini.Join(images, mini.Files{"l.csv": []byte(valid)}).Folder(t))
	if val := len(labels(s.Listing, true)); val != 0 {
		t.Errorf("a column of splits that is left out: %d validation images", val)
	}
	lacks(t, failure(source.Options{Columns: []string{"path", "noisy", "is_valid"}},
		mini.Join(images, mini.Files{"l.csv": []byte(valid)}).Folder(t)), `l.csv:5: split "True": want train, val or test`)
	lacks(t, failure(source.Options{Columns: []string{"file", "dx"}},
		mini.Join(images, mini.Files{"l.csv": []byte(odd)}).Folder(t)), "l.csv:1", `no column "file"`)
	lacks(t, failure(source.Options{Columns: []string{"file"}}, images.Folder(t)), `columns ["file"]`,
		"of files, of labels")
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
	given := []string{dir, mini.Files{"train/l.csv": []byte("1,x\n2,y\n")}.Folder(t) + "/train/l.csv",
		mini.Files{"val/l.csv": []byte("3,x\n4,y\n")}.Folder(t) + "/val/l.csv"}
	lacks(t, failure(source.Options{}, given...), "several tables of labels", given[1]+" and "+given[2],
		"one for each split, such as train.csv and val.csv")
}

// As Kaggle gives images: what is to be predicted lies in a folder test, in a table of its own, and in a sample.
func TestKaggle(t *testing.T) {
	f := laidFiles(laid("train/{1,2,3}.png", "test/{1,2}.png")).text("train.csv", "id,label\n1,x\n2,y\n3,x\n").
		text("test.csv", "id\n1\n2\n")
	sampled := f.text("sample_submission.csv", "id,label\n1,x\n2,x\n")
	dir := mini.Files(sampled).Folder(t)
	lacks(t, failure(source.Options{}, dir), "several tables of labels, sample_submission.csv and train.csv",
		"one of them as a path of its own")
	for _, paths := range [][]string{{mini.Files(f).Folder(t)}, {dir, dir + "/train.csv"}} {
		s := open(t, source.Options{}, paths...)
		if !slices.Equal(labels(s.Listing, false), []int32{0, 0, 1}) || len(s.Items) != 3 || len(s.Rejected) != 2 ||
			!s.Rejected[0].Aside {
			t.Errorf("%q: %d images, labels %v, rejected %v", paths, len(s.Items), labels(s.Listing, false), s.Rejected)
		}
	}
}

// As Caffe gives images: lists of paths and labels.
func TestCaffe(t *testing.T) {
	images := laid("images/{1,2,3,4}.png").Folder(t)
	s := open(t, source.Options{}, images, mini.Write(t, "train.txt", []byte("images/1.png 0\nimages/2.png 10\n")),
		mini.Write(t, "val.txt", []byte("images/4.png 0\nimages/3.png 10\n")))
	if !slices.Equal(labels(s.Listing, false), []int32{0, 1}) || !slices.Equal(labels(s.Listing, true), []int32{0, 1}) ||
		len(s.Rejected) > 0 {
		t.Errorf("items %v, rejected %v", s.Items, s.Rejected)
	}
}

// What is not used is noted.
func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		files laidFiles
		want  string
	}{
		"a table without a header": {laidFiles(laid("{a,b}/{1,2,3}.png")).text("l.csv", "a/1.png,x\na/2.png,y\n"),
			"l.csv, beside images in folders of their own: --format csv"},
		"an odd header": {laidFiles(laid("{1,2}.png")).text("l.csv", "name,kind\n1.png,x\n2.png,y\n"),
			"l.csv:1: name,kind, taken for the names of columns"},
		"a table of other names": {laidFiles(laid("{a,b}/{1,2}.png")).text("l.csv", "file,label\n7.jpg,x\n8.jpg,y\n"),
			"l.csv names none of the images"},
		"a table above another": {laidFiles(laid("d/{1,2}.png")).text("classes.csv",
			"id,name\n0,x\n1,y\n").text("d/l.csv", "file,label\n1.png,x\n2.png,y\n"), `classes.csv:1: columns ["id" "name"]`},
		"a table that is none": {laidFiles(laid("{a,b}/{1,2}.png")).text("l.csv", "age,dx,kg\n1,2,3\n"),
			"l.csv:1: columns"},
		"an archive beside folders": {laidFiles(mini.Join(laid("{a,b}/{1,2}.png"), mini.Files{"c.zip": {1}})),
			"c.zip: an archive beside loose images"},
	} {
		s := open(t, source.Options{}, mini.Files(c.files).Folder(t))
		if got := strings.Join(s.Notes, "; "); !strings.Contains(got, c.want) || len(s.Classes) != 2 {
			t.Errorf("%s: classes %v, notes %q, want %q", name, s.Classes, s.Notes, c.want)
		}
	}
	o := source.Options{Columns: []string{"file", "label"}} // which asks for a table
	lacks(t, failure(o, laid("{a,b}/{1,2}.png").Folder(t)), "not of the format csv")
	o.Format = "folders"
	lacks(t, failure(o, laid("{a,b}/{1,2}.png").Folder(t)), `columns ["file" "label"]`, "the format folders has none of")
}
