package source_test

import (
	"fmt"
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

// TestLayouts: data sets as people have them. Classes, the numbers of images and the number of those left out are what
// the
// layout means, or the error says what is to be done.
func TestLayouts(t *testing.T) {
	const w1, w2 = "n01440764", "n02102040"
	for name, c := range map[string]struct {
		files      laidFiles
		classes    string
		train, val int
		rejected   int
	}{
		"Imagenette: names of validation images in train": {
			laidFiles(laid("i/train/{n01440764,n02102040}/ILSVRC2012_val_0000029{1,2}.JPEG",
				"i/train/{n01440764,n02102040}/x_1.JPEG",
				"i/val/{n01440764,n02102040}/x_2.JPEG")), w1 + " " + w2, 6, 2, 0},
		"WordNet folders, capital splits": {laidFiles(laid("Train/{n01440764,n02102040}/{1,2}.png",
			"Val/{n01440764,n02102040}/3.png")), w1 + " " + w2, 4, 2, 0},
		"WordNet folders, other words": {laidFiles(laid("training/{n01440764,n02102040}/{1,2}.png",
			"testing/{n01440764,n02102040}/3.png")), w1 + " " + w2, 4, 2, 0},
		"WordNet folders in three splits": {laidFiles(laid("{train,val,test}/{n01440764,n02102040}/{1,2}.png")), w1 +
			" " + w2, 4, 4, 4},
		"WordNet folders, a stray": {laidFiles(laid("train/{n01440764,n02102040}/{1,2}.png", "sample.png",
			"val/images/{3,4}.png")).text("val/list.txt", "3.png n01440764\n"),
			w1 + " " + w2, 4, 1, 2},
		"wrapped in one split": {laidFiles(laid("train/images/{n01440764,n02102040}/{1,2}.png",
			"val/{n01440764,n02102040}/3.png")), w1 + " " + w2, 4, 2, 0},
		"a list, and folders after it": {
			laidFiles(laid("ILSVRC2012_val_files/{ILSVRC2012_val_00000001,ILSVRC2012_val_00000002}.JPEG",
				"unpacked/{n01440764,n02102040}/{1,2}.png")).text("list.txt",
				"ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 n02102040\n"), w1 + " " + w2, 4, 2, 0},
		"folders, and a list after them": {laidFiles(laid("imgs/{n01440764,n02102040}/{1,2}.png",
			"val/{ILSVRC2012_val_00000001,ILSVRC2012_val_00000002}.JPEG")).text("list.txt",
			"ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 n02102040\n"), w1 + " " + w2, 4, 2, 0},
		"rows that say val, and folders of three splits": {laidFiles(laid("train/{1,2}.png", "test/{3,4}.png",
			"val/{5,6}.png")).text("labels.csv",
			"file,label,split\n1,x,\n2,y,\n3,x,\n4,y,\n5,x,val\n6,y,val\n"), "x y", 2, 2, 2},
		"class folders, dev":     {laidFiles(laid("{train,dev}/{a,b}/{1,2}.png")), "a b", 4, 4, 0},
		"class folders, Testing": {laidFiles(laid("w/{Training,Testing}/{a,b}/{1,2}.png")), "a b", 4, 4, 0},
		"three splits":           {laidFiles(laid("{train,valid,test}/{a,b}/{1,2}.png")), "a b", 4, 4, 4},
		"domains in front":       {laidFiles(laid("w/{train,test}/{a,b}/{left,right}.png")), "a b", 4, 4, 0},
		"classes as splits": {laidFiles(laid("{train,test}/{apple,train,road}/{1,2}.png")), "apple road train", 6,
			6, 0},
		"valid and invalid": {laidFiles(laid("{valid,invalid}/{1,2}.png")).text("meta.csv", "file,kg\nx,1\n"),
			"invalid valid", 4, 0, 0},
		"a stray in a wrapper": {laidFiles(laid("train/train/{a,b}/{1,2}.png", "train/train/x.png",
			"test/test/{a,b}/3.png")), "a b", 4, 2, 1},
		"images and masks": {laidFiles(laid("{a,b}/{images,masks}/{1,2}.png")), "a b", 4, 0, 4},
		"one WordNet folder": {laidFiles(laid("images/{n01440764,dog,cat}/images/{1,2}.png")), "cat dog n01440764",
			6, 0, 0},
		"WordNet folders and others": {laidFiles(laid("{n01440764,n02102040,crash test}/{1,2}.png")),
			"crash test n01440764 n02102040", 6, 0, 0},
		"WordNet folders and a table": {laidFiles(laid("{train,test}/{n01440764,n02102040}/{1,2}.png")).text("labels.csv",
			"file,wnid\ntrain/n01440764/1.png,n01440764\n"+
				"train/n02102040/1.png,n02102040\n"), w1 + " " + w2, 4, 4, 0},
		"a part in every class": {laidFiles(laid("{a,b}/images/{1,2}.png")), "a b", 4, 0, 0},

		"a table and folders of splits": {laidFiles(laid("train/{1,2}.png", "val/{3,4}.png")).text("labels.csv",
			rows("file,label\n", "%d.png", 1, 4, "x", "y")), "x y", 2, 2, 0},
		"the same, by paths": {laidFiles(laid("train/{1,2}.png", "val/{1,2}.png")).text("labels.csv",
			rows("file,label\n", "train/%d.png", 1, 2, "x", "y")+rows("", "val/%d.png", 1, 2, "x", "y")), "x y", 2, 2, 0},
		"a table in each split": {laidFiles(laid("train/{1,2}.png",
			"test/{1,2}.png")).text("train/metadata.csv", "file_name,label\n1.png,x\n2.png,y\n").text("test/metadata.csv",
			"file_name,label\n1.png,y\n2.png,x\n"), "x y", 2, 2, 0},
		"a table in each split, and folders": {laidFiles(laid("{train,val}/images/{1,2}.png")).text("train/labels.csv",
			"file,label\n1.png,x\n2.png,y\n").text("val/labels.csv", "file,label\n1.png,y\n2.png,x\n"), "x y", 2, 2, 0},
		"a table for each split": {laidFiles(laid("Train/{1,2}.png", "Val/{1,2}.png")).text("train.csv",
			"1,x\n2,y\n").text("val.csv", "1,y\n2,x\n"), "x y", 2, 2, 0},
		"tables of three splits": {laidFiles(laid("i/{1,2,3,4,5,6}.png")).text("train.csv",
			"1,x\n2,y\n").text("val.csv", "3,y\n4,x\n").text("test.csv", "5,x\n6,x\n"), "x y", 2, 2, 2},
		"a table in a folder of its own": {laidFiles(laid("images/{1,2}.png")).text("meta/labels.csv",
			"file,label\n1.png,x\n2.png,y\n"), "x y", 2, 0, 0},
		"a table of something else": {laidFiles(laid("{cat,dog}/{1,2}.png")).text("sizes.csv",
			"file,bytes\ncat/1.png,10\ncat/2.png,10\ndog/1.png,20\ndog/2.png,10\n"), "cat dog", 4, 0, 0},
		"a table above the right one": {laidFiles(laid("data/{1,2}.png")).text("stats.csv",
			"a,b,c\n1,2,3\n").text("classes.csv", "id,name\n0,x\n1,y\n").
			text("data/labels.csv", "file,label\n1.png,x\n2.png,y\n"), "x y", 2, 0, 0},
		"a table of something else beside": {laidFiles(laid("i/{1,2}.png")).text("l.csv",
			"file,label\n1,x\n2,y\n").text("meta.csv", "id,kg\n7,1\n8,1\n"), "x y", 2, 0, 0},
		"an outer folder of split words": {laidFiles(laid("dev/{train,val}/{1,2}.png")).text("dev/labels.csv",
			"file,label\ntrain/1.png,x\ntrain/2.png,y\nval/1.png,x\nval/2.png,y\n"), "x y", 2, 2, 0},
		"masks beside": {laidFiles(laid("train/{1,2}.png", "val/{3,4}.png",
			"masks/{1,2,3}.png")).text("l.csv", rows("file,label\n", "%d", 1, 4, "x", "y")), "x y", 2, 2, 3},
		"said twice": {laidFiles(laid("{1,2,3}.png")).text("train.csv",
			"1,x\n2,y\n3,x\n").text("val.csv", "3,x\n2,x\n"), "x", 1, 0, 2},
		"said with an ending and without": {laidFiles(laid("{1,2,3}.png")).text("l.csv",
			"1.png,x\n1,y\n2,y\n2.png,y\n3,z\n"), "y z", 2, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for container, path := range everyContainer(t, mini.Files(c.files)) {
				s := open(t, source.Options{}, path)
				train, val := len(labels(s.Listing, false)), len(labels(s.Listing, true))
				if got := strings.Join(classIDs(s.Listing), " "); got != c.classes || train != c.train || val != c.val ||
					len(s.Rejected) != c.rejected || len(s.Faults) > 0 {
					t.Errorf("%s: classes %s, %d training and %d validation images, rejected %v, faults %v; want %s, %d, %d, %d",
						container, got, train, val,
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
		"one folder": {laidFiles(laid("pets/images/cat_{1,2}.png")),
			[]string{"2 images", "one class", "images", ".csv", "--format folders"}},
		"images and annotations": {laidFiles(laid("images/{1,2}.png", "annotations/trimaps/{1,2}.png")),
			[]string{"one class", "images"}},
		"images and thumbnails": {laidFiles(laid("images/{1,2}.png", "jpegimages/{1,2}.png")),
			[]string{"images, jpegimages", "parts of a data set"}},
		"a set beside its tests": {laidFiles(laid("pets/{cat,dog}/{1,2}.png", "test_images/{1,2}.png")),
			[]string{"class pets holds no image", "which are the classes"}},
		"a set in itself": {laidFiles(laid("{yes,no}/{1,2}.png", "brain/{yes,no}/{1,2}.png")),
			[]string{"class brain holds no image", "which are the classes"}},
		"a test folder": {laidFiles(laid("{cats,dogs,test}/{1,2}.png")),
			[]string{"class test is named as a split", "--format folders"}},
		"two domains in splits": {laidFiles(laid("{trainA,trainB,testA,testB}/{1,2}.png")),
			[]string{"testA, testB, trainA", "--format folders"}},
		"letters in front": {laidFiles(laid("a/{abbey,arch}/1.png", "b/{bar,bank}/1.png")),
			[]string{"class a holds no image", "abbey and arch"}},
		"several folds": {laidFiles(laid("{train1,train2,test1,test2}/{a,b}/1.png")),
			[]string{"test1, test2, train1", "--format folders"}},
		"several validations": {laidFiles(laid("{train,val,dev}/{a,b}/1.png")), []string{"dev and val"}},
		"several tests beside a validation": {laidFiles(laid("{train,val,test,testing}/{a,b}/1.png")),
			[]string{"test and testing are both named as the split test"}},
		"split-like classes": {laidFiles(laid("{crash_test,bullet_train}/{1,2}.png")),
			[]string{"bullet_train, crash_test", "--format folders"}},
		"tables of rows": {laidFiles{"train.parquet": []byte("PAR1")},
			[]string{"no images that are recognised", "want class folders"}},
		"flat splits": {laidFiles(laid("train/{1,2}.png", "test1/{3,4}.png")),
			[]string{"test1, train", "parts of a data set", ".csv"}},
		"variants": {laidFiles(laid("{color,grayscale,segmented}/{a,b,c}/1.png")),
			[]string{"class color holds no image", "a and b", "which are the classes"}},
		"domains": {laidFiles(laid("{amazon,dslr}/images/{a,b}/1.png")),
			[]string{"class amazon holds no image", "images/a and images/b", "--format folders"}},
		"splits in classes": {laidFiles(laid("{a,b}/{train,test}/1.png")),
			[]string{"class a holds no image", "test and train", "--format folders"}},
		"two kinds of training": {laidFiles(laid("{train_a,train_b,test}/{x,y}/1.png")),
			[]string{"test, train_a, train_b", "--format folders"}},
		"parts, an unreadable table": {laidFiles(laid("part_1/{1,2}.png", "part_2/{3,4}.png")).text("meta.csv",
			"age,sex,dx\n1,2,3\n"), []string{"part_1, part_2", "not used: meta.csv:1: columns"}},
		"two tables, one unreadable": {laidFiles(laid("train/{1,2}.png", "test/{3,4}.png")).text("a.csv",
			"id,kind,note\n1,x,\n2,y,\n").text("sample.csv", "id,label\n3,0\n4,0\n"),
			[]string{"class 0 is in the validation split (such as test/4.png)", "a.csv:1", "path of its own"}},
		"archives beside an image": {laidFiles(mini.Join(laid("cover.png"), mini.Files{"cats.zip": {1}})),
			[]string{"1 image", "not used: cats.zip: an archive beside loose images"}},
		"one WordNet folder": {laidFiles(laid("n01440764/{1,2}.png")),
			[]string{"2 images", "one class", "n01440764", "--format ilsvrc2012"}},
		"WordNet in other folders": {laidFiles(laid("cat/n02123045/{1,2}.png", "dog/n02084071/{1,2}.png")),
			[]string{"cat and in dog", "which are the classes", "--format ilsvrc2012", "--format folders"}},
		"the same WordNet folders": {laidFiles(laid("{cat,dog}/{n02123045,n02084071}/{1,2}.png")),
			[]string{"cat and in dog", "which are the classes"}},
		"WordNet, one deeper": {laidFiles(laid("n02123045/1.png", "more/n02084071/1.png")),
			[]string{"in more and in the source itself"}},
		"WordNet beside splits": {laidFiles(laid("{train,val,extra}/{n02123045,n02084071}/1.png")),
			[]string{"in extra and in train", "which are the classes"}},
		"nested, and a fault": {laidFiles(mini.Join(laid("{cat,dog}/{n02123045,n02084071}/1.png"),
			mini.Files{"dog/n02085620/": nil})), []string{"cat and in dog"}},
		"deep archives": {
			laidFiles{"a.tar": mini.Files{"b.tar": mini.Files{"c.tar": mini.Animals(1).Tarred(t)}.Tarred(t)}.Tarred(t)},
			[]string{"no image that is read", "c.tar: archives nested more than 2 times"}},
		"images without endings": {laidFiles{"cats/1": plainPNG(8, 1), "dogs/2": plainPNG(8, 2)},
			[]string{"no images that are recognised", "images that end in .jpg, .jpeg"}},
		"other formats": {laidFiles{"cats/1.ppm": nil, "dogs/2.ppm": nil},
			[]string{"no image that is read, of 2 files", "cats/1.ppm", "convert"}},
	} {
		t.Run(name, func(t *testing.T) { lacks(t, failure(source.Options{}, mini.Files(c.files).Folder(t)), c.want...) })
	}
	for _, c := range []struct{ format, layout, classes string }{ // but for who asks for it
		{"folders", "{color,grayscale}/{a,b}/1.png", "color grayscale"},
		{"folders", "{train,test}/{1,2}.png", "test train"},
		{"folders", "{train,test,a}/{1,2}.png", "a test train"},
		{"folders", "{cat,dog}/{n02123045,n02084071}/1.png", "cat dog"},
		{"ilsvrc2012", "{cat,dog}/{n02123045,n02084071}/1.png", "n02084071 n02123045"},
		{"ilsvrc2012", "n01440764/{1,2}.png", "n01440764"},
	} {
		s := open(t, source.Options{Format: c.format}, laid(c.layout).Folder(t))
		if got := strings.Join(classIDs(s.Listing), " "); got != c.classes {
			t.Errorf("%s, asked for %s: classes %s, want %s", c.layout, c.format, got, c.classes)
		}
	}
}
