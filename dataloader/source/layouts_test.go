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
		"is_valid, and folders of three splits": {laidFiles(laid("train/{1,2}.png", "test/{3,4}.png",
			"val/{5,6}.png")).text("labels.csv",
			"file,label,is_valid\n1,x,0\n2,y,0\n3,x,0\n4,y,0\n5,x,1\n6,y,1\n"), "x y", 2, 2, 2},
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
				left := len(s.Rejected)
				for _, r := range s.Rejected {
					if r.Cause == "test images: they have no labels" {
						var n int
						fmt.Sscanf(r.File, "(%d image", &n)
						left += n - 1
					}
				}
				if got := strings.Join(classIDs(s.Listing), " "); got != c.classes || train != c.train || val != c.val ||
					left != c.rejected || len(s.Faults) > 0 {
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
			[]string{"class test is named as a split", "cats, dogs"}},
		"two domains in splits": {laidFiles(laid("{trainA,trainB,testA,testB}/{1,2}.png")),
			[]string{"testA, testB, trainA", "--format folders"}},
		"letters in front": {laidFiles(laid("a/{abbey,arch}/1.png", "b/{bar,bank}/1.png")),
			[]string{"class a holds no image", "abbey and arch"}},
		"several folds": {laidFiles(laid("{train1,train2,test1,test2}/{a,b}/1.png")),
			[]string{"test1, test2, train1", "--format folders"}},
		"several validations": {laidFiles(laid("{train,val,dev}/{a,b}/1.png")), []string{"dev and val"}},
		"split-like classes": {laidFiles(laid("{crash_test,bullet_train}/{1,2}.png")),
			[]string{"bullet_train, crash_test", "--format folders"}},
		"tables of rows": {laidFiles{"train.parquet": []byte("PAR1")},
			[]string{"no images that are recognised", "want class folders"}},
		"flat splits": {laidFiles(laid("train/{1,2}.png", "test1/{3,4}.png")),
			[]string{"test1, train", "parts of a data set", ".csv"}},
		"variants": {laidFiles(laid("{color,grayscale,segmented}/{a,b,c}/1.png")),
			[]string{"class color holds no image", "a and b", "grayscale, segmented", "which are the classes"}},
		"domains": {laidFiles(laid("{amazon,dslr}/images/{a,b}/1.png")),
			[]string{"class amazon holds no image", "images/a and images/b", "dslr"}},
		"splits in classes": {laidFiles(laid("{a,b}/{train,test}/1.png")),
			[]string{"class a holds no image", "test and train", "beside b"}},
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
			[]string{"no image that is read, of 2 files", "cats/1", "an ending such as .jpg"}},
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
			[]string{"class seg_test holds no image", "name splits train and val"}},
		"one split and other images": {laidFiles(laid("train_images/{a,b}/{1,2}.png", "predict/{1,2}.png")),
			[]string{"class train_images holds no image", "name splits train and val"}},
		"splits of one word": {laidFiles(laid("{TrainImages,TestImages}/{a,b}/{1,2}.png")),
			[]string{"TestImages, TrainImages", "parts of a data set"}},
		"with and without masks": {laidFiles(laid("{train_set,test_set}/{with_mask,without_mask}/{1,2}.png")),
			[]string{"test_set, train_set", "parts of a data set"}},
		"a class of split words": {laidFiles(laid("train_images/{test tube,dog}/images/{1,2}.png",
			"val_images/{test tube,dog}/images/{3,4}.png")),
			[]string{"class train_images holds no image", "name splits train and val"}},
		"a wrapper in each split": {laidFiles(laid("{train,val}/pets/{a,b}/{1,2}.png")),
			[]string{"one class, the folder pets"}},
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
	s = open(t, source.Options{Columns: []string{"path", "noisy", "is_valid"}},
		mini.Join(images, mini.Files{"l.csv": []byte(valid)}).Folder(t))
	if train, val := len(labels(s.Listing, false)), len(labels(s.Listing, true)); train != 2 || val != 2 {
		t.Errorf("a column of splits: %d and %d images", train, val)
	}
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
	s = open(t, source.Options{}, given...)
	if train, val := len(labels(s.Listing, false)), len(labels(s.Listing, true)); train != 2 || val != 2 {
		t.Errorf("two tables of one name: %d and %d images", train, val)
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
