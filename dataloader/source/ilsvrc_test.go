package source_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

func miniature(t testing.TB, o mini.Options) *mini.Set {
	t.Helper()
	s, err := mini.ILSVRC(t.TempDir(), o)
	check(t, err)
	return s
}

// sameAs compares a listing of ILSVRC2012, and what it reads, with what was written.
func sameAs(t *testing.T, s opened, m *mini.Set, val bool) {
	t.Helper()
	if s.Kind != "ILSVRC2012" || !slices.Equal(classIDs(s.Listing), m.WNIDs) || len(s.Rejected) > 0 {
		t.Fatalf("%s, classes %v, rejected %v", s.Kind, s.Classes, s.Rejected)
	}
	for k, c := range s.Classes {
		if c.Name != m.Words[k] {
			t.Errorf("class %s is named %q, want %q", c.ID, c.Name, m.Words[k])
		}
	}
	want := map[string]mini.Image{}
	for _, x := range m.Train {
		want[x.Name] = x
	}
	if val {
		for _, x := range m.Val {
			want[x.Name] = x
		}
	}
	keys, data := s.contents(t)
	if len(keys) != len(want) {
		t.Errorf("%d items, want %d", len(keys), len(want))
	}
	for i, it := range s.Items {
		x, ok := want[path.Base(it.Name)]
		if !ok || m.WNIDs[it.Label] != x.WNID || !bytes.Equal(data[i], x.Data) || it.Val != (x.Name[0] == 'I') {
			t.Errorf("%s is not what was written (%.20q)", keys[i], data[i])
		}
	}
}

// zipTar packs a tar.
func zipTar(t testing.TB, name string) string {
	data, err := os.ReadFile(name)
	check(t, err)
	return mini.Write(t, filepath.Base(name)+".gz", mini.Gzipped(data))
}

// unpacked is the content of a tar or .tar.gz, and of the tars in it, below folders of their names.
func unpacked(t testing.TB, r io.Reader, prefix string) mini.Files {
	f := mini.Files{}
	for a := tar.NewReader(r); ; {
		h, err := a.Next()
		if err == io.EOF {
			return f
		}
		check(t, err)
		data, err := io.ReadAll(a)
		check(t, err)
		if path.Ext(h.Name) == ".tar" {
			f = mini.Join(f, unpacked(t, bytes.NewReader(data), prefix+h.Name[:len(h.Name)-4]+"/"))
		} else {
			f[prefix+h.Name] = data
		}
	}
}

func TestILSVRC(t *testing.T) {
	m := miniature(t, mini.Options{Quirks: true, Classes: 5, Seed: 7})
	var truth, list, solution, synsets bytes.Buffer
	fmt.Fprintln(&solution, "ImageId,PredictionString")
	for _, x := range m.Val {
		fmt.Fprintln(&truth, x.ID)
		fmt.Fprintln(&list, x.Name, x.WNID)
		fmt.Fprintf(&solution, "%s,%s 85 1 499 272 \n", x.Name[:len(x.Name)-5], x.WNID)
	}
	for _, wnid := range m.WNIDs {
		fmt.Fprintln(&synsets, wnid, "another name")
	}
	read := func(p string) *bytes.Reader {
		data, err := os.ReadFile(p)
		check(t, err)
		return bytes.NewReader(data)
	}
	train, val := unpacked(t, read(m.TrainTar), "train/"), unpacked(t, read(m.ValTar), "val/")
	sorted := mini.Files{}
	for _, x := range m.Val {
		sorted["val/"+x.WNID+"/"+x.Name] = x.Data
	}
	listed := mini.Files{"val.txt": list.Bytes()}
	loose := mini.Files{"ILSVRC2012_validation_ground_truth.txt": truth.Bytes()}
	devkit, err := os.ReadFile(m.Devkit)
	check(t, err)
	for name, c := range map[string]struct {
		paths []string
		val   bool
	}{
		"the three archives": {m.Paths(), true},
		"in another order":   {[]string{m.Devkit, m.ValTar, m.TrainTar}, true},
		"in a folder":        {[]string{filepath.Dir(m.TrainTar)}, true},
		"train alone":        {[]string{m.TrainTar}, false},
		"train and kit":      {[]string{m.TrainTar, m.Devkit}, false},
		"streams":            {[]string{zipTar(t, m.TrainTar), zipTar(t, m.ValTar), m.Devkit}, true},
		"under other names": {[]string{mini.Write(t, "a.bin.tar", readFile(t, m.TrainTar)),
			mini.Write(t, "b", readFile(t, m.ValTar)), m.Devkit}, true},
		"a loose kit": {[]string{m.TrainTar, m.ValTar, loose.Folder(t)}, true},
		"the kit's files": {[]string{m.TrainTar, mini.Write(t, "meta.mat", []byte("MATLAB 5.0 MAT-file")), m.ValTar,
			mini.Write(t, "ILSVRC2012_validation_ground_truth.txt", truth.Bytes())}, true},
		"a list": {[]string{m.TrainTar, m.ValTar, mini.Write(t, "val.txt", list.Bytes())}, true},
		"a list and names": {[]string{m.TrainTar, m.ValTar, mini.Write(t, "val.txt", list.Bytes()),
			mini.Write(t, "synset_words.txt", synsets.Bytes())}, true},
		"a solution as a list": {[]string{m.TrainTar, m.ValTar, mini.Write(t, "LOC_val_solution.csv", solution.Bytes()),
			mini.Write(t, "LOC_synset_mapping.txt", synsets.Bytes())}, true},
		"unpacked, with list": {[]string{mini.Join(train, val, listed).Folder(t)}, true},
		"unpacked, with kit":  {[]string{mini.Join(train, val, loose).Folder(t)}, true},
		"unpacked, with its tar": {[]string{mini.Join(train, val,
			mini.Files{"ILSVRC2012_devkit_t12.tar.gz": devkit, "ILSVRC2012_img_train.tar": nil}).Folder(t)}, true},
		"unpacked and sorted":   {[]string{mini.Join(train, sorted).Folder(t)}, true},
		"a tar of the unpacked": {[]string{mini.Join(train, sorted).Below("ILSVRC/Data/CLS-LOC").Tar(t, "x.tar.gz")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"", "ilsvrc2012"} {
				s := open(t, source.Options{Format: format}, c.paths...)
				s.Rejected = slices.DeleteFunc(s.Rejected,
					func(r source.Rejected) bool { return r.File == "ILSVRC2012_img_train.tar" })
				sameAs(t, s, m, c.val)
			}
		})
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	check(t, err)
	return data
}

// The miniature's quirks are what they claim to be.
func TestMiniatureQuirks(t *testing.T) {
	m := miniature(t, mini.Options{Quirks: true, Damaged: true})
	models := map[string]color.Model{}
	for _, x := range m.Train {
		config, format, err := image.DecodeConfig(bytes.NewReader(x.Data))
		_, _, whole := image.Decode(bytes.NewReader(x.Data))
		if bad := slices.Contains(m.Damaged, x.Name); bad != (whole != nil) {
			t.Errorf("%s: damaged %t, but decoded with %v", x.Name, bad, whole)
		} else if err == nil && whole == nil {
			models[format+fmt.Sprint(config.ColorModel == color.CMYKModel,
				config.ColorModel == color.GrayModel)] = config.ColorModel
		}
	}
	for _, want := range []string{"jpegtrue false", "jpegfalse true", "jpegfalse false", "pngfalse false"} {
		if models[want] == nil {
			t.Errorf("no image is %s", want)
		}
	}
	cmyk, _, err := image.Decode(bytes.NewReader(mini.CMYK(64, 48)))
	check(t, err)
	if got, want := cmyk.(*image.CMYK).Pix[4*8*3:][:4], []byte{255 - 100, 255 - 220, 255 - 152,
		255 - 230}; !slices.Equal(got, want) {
		t.Errorf("inks %v, want %v", got, want)
	}
}

func TestILSVRCErrors(t *testing.T) {
	m := miniature(t, mini.Options{})
	truth := func(text string) string { return mini.Write(t, "ILSVRC2012_validation_ground_truth.txt", []byte(text)) }
	cutTar := mini.Write(t, "cut.tar", readFile(t, m.TrainTar)[:20000])
	cutGz := mini.Write(t, "cut.tar.gz", mini.Gzipped(readFile(t, m.TrainTar))[:9000])
	for name, c := range map[string]struct {
		paths []string
		want  []string
	}{
		"val alone": {[]string{m.ValTar, m.Devkit}, []string{"no training images", "ILSVRC2012_img_train.tar"}},
		"no kit": {[]string{m.TrainTar, m.ValTar},
			[]string{"ILSVRC2012_val_0000000", "nothing that gives their labels", "ILSVRC2012_devkit_t12.tar.gz"}},
		"no truth, but a meta.mat": {[]string{m.TrainTar, m.ValTar, mini.Write(t, "meta.mat", []byte("MATLAB"))},
			[]string{"nothing that gives their labels", "or its ILSVRC2012_validation_ground_truth.txt"}},
		"a word in the truth": {[]string{m.TrainTar, m.ValTar, truth("449\ntwo\n")},
			[]string{"ground_truth.txt:2", `"two"`}},
		"a class of no number": {[]string{m.TrainTar, m.ValTar, truth("449\n450\n442\n449\n450\n1001\n")},
			[]string{`ground_truth.txt:6: "1001": want the number of a class, 1 to 1000`}},
		"a class not in train": {[]string{m.TrainTar, m.ValTar, truth("449\n450\n442\n449\n450\n1\n")},
			[]string{"class n02119789", "val_00000006", "no training image"}},
		"a truth, and a list of others": {[]string{m.TrainTar, m.ValTar, truth("two\n"),
			mini.Write(t, "v.txt", []byte("n01440764_26.JPEG n01440764\n"))}, []string{"ground_truth.txt:1", `"two"`}},
		"a list of others": {[]string{m.TrainTar, m.ValTar,
			mini.Write(t, "v.txt", []byte("n01440764_26.JPEG n01440764\n"))}, []string{"nothing that gives their labels"}},
		"a list against one": {[]string{m.TrainTar, m.ValTar,
			mini.Write(t, "v.txt", []byte("ILSVRC2012_val_00000001 n00000001\nILSVRC2012_val_00000001 n00000002\n"))},
			[]string{"v.txt:2", "n00000001 before"}},
		"a table given": {[]string{m.TrainTar, mini.Write(t, "coarse.csv", []byte("file,label\na,x\nb,y\n"))},
			[]string{"coarse.csv is given", "--format csv"}},
		"a wrong line": {[]string{m.TrainTar, m.ValTar, mini.Write(t, "v.txt", []byte("a n00000001\nb 7\n"))},
			[]string{"v.txt:2", `"b 7"`, "IMAGE WNID"}},
		"a cut tar":    {[]string{cutTar}, []string{"cut.tar", "damaged archive", "claims", "follow"}},
		"a cut stream": {[]string{cutGz}, []string{"cut.tar.gz", "damaged archive", "unexpected EOF"}},
		"an empty class": {[]string{mini.Files{"n00000001.tar": mini.Files{"n00000001_1.JPEG": {1}}.Tarred(t),
			"n00000002.tar": mini.Files{}.Tarred(t)}.Tar(t, "x.tar")}, []string{"class n00000002 has no image"}},
	} {
		t.Run(name, func(t *testing.T) { lacks(t, failure(source.Options{}, c.paths...), c.want...) })
	}
}

// Tiny ImageNet is arranged so.
func TestTinyImageNet(t *testing.T) {
	f := mini.Files{"wnids.txt": []byte("n01443537\nn01629819\n"),
		"words.txt":               []byte("n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\n"),
		"val/val_annotations.txt": []byte("val_0.JPEG\tn01629819\t0\t32\t44\t62\nval_1.JPEG\tn01443537\t1\t2\t3\t4\n")}
	for _, name := range []string{"train/n01443537/images/n01443537_0.JPEG", "train/n01629819/images/n01629819_0.JPEG",
		"val/images/val_0.JPEG", "val/images/val_1.JPEG", "test/images/test_0.JPEG"} {
		f[name] = plainPNG(64, 1)
	}
	f["train/n01443537/n01443537_boxes.txt"] = []byte("n01443537_0.JPEG\t0\t10\t63\t58\n")
	for container, path := range everyContainer(t, f.Below("tiny-imagenet-200")) {
		s := open(t, source.Options{}, path)
		keys, _ := s.contents(t)
		slices.Sort(keys)
		if len(keys) != 4 || !strings.HasPrefix(keys[1], "n01443537 true") || !strings.HasSuffix(keys[1], "val_1.JPEG") ||
			s.Side != 64 ||
			s.Classes[0].Name != "goldfish, Carassius auratus" ||
			s.Classes[1].Name != "European fire salamander, Salamandra salamandra" || len(s.Rejected) != 1 {
			t.Errorf("%s: %q, side %d, classes %v, rejected %v", container, keys, s.Side, s.Classes, s.Rejected)
		}
	}
}

// Beside classes that are unpacked, the archives of classes stay closed: what is not unpacked yet is said to be
// missing.
func TestPartlyUnpacked(t *testing.T) {
	f := laid("train/n01440764/{1,2}.png")
	f["train/n01443537.tar"] = laid("n01443537_{1,2,3}.png").Tarred(t)
	f["train/n01440764.tar"] = laid("n01440764_{1,2,3}.png").Tarred(t)
	lacks(t, failure(source.Options{}, f.Folder(t)), "one class, the folder n01440764",
		"train/n01443537.tar: an archive beside loose images: give it as a path of its own")
}

// Test images have no labels, and a short truth costs only the images beyond it.
func TestILSVRCRejects(t *testing.T) {
	m := miniature(t, mini.Options{})
	kit := mini.Files{"ILSVRC2012_validation_ground_truth.txt": []byte("449\n450\n442\n449\n450\n"),
		"ILSVRC2012_img_test.tar": mini.Files{"ILSVRC2012_test_00000001.JPEG": {1}}.Tarred(t)}
	tests := mini.Files{"ILSVRC2012_test_00000001.JPEG": {1}, "ILSVRC2012_test_00000002.JPEG": {1}}.Tar(t, "test.tar")
	s := open(t, source.Options{}, m.TrainTar, m.ValTar, kit.Folder(t), tests)
	sameRejected(t, s.Rejected, map[string]string{
		"ILSVRC2012_img_val/ILSVRC2012_val_00000006.JPEG": "not in the list of validation images",
		"test/ILSVRC2012_test_00000001.JPEG":              "a test image: it has no label",
		"test/ILSVRC2012_test_00000002.JPEG":              "a test image: it has no label",
		"source/ILSVRC2012_img_test.tar":                  "no images of the classification task",
	})
	if n := len(labels(s.Listing, true)); n != 5 {
		t.Errorf("%d validation images, want 5", n)
	}
}

// A truth or a list that does not go with its images says so.
func TestTruths(t *testing.T) {
	base := laid("train/n01440764/a.png", "train/n01443537/b.png", "val/ILSVRC2012_val_00000001.JPEG",
		"val/ILSVRC2012_val_00000002.JPEG")
	const truth = "ILSVRC2012_validation_ground_truth.txt"
	for name, c := range map[string]struct {
		more mini.Files
		want string // of the error, or, after a colon, of the one rejected
	}{
		"two truths": {mini.Files{truth: []byte("449\n450\n"), "z/" + truth: []byte("449\n442\n")},
			"z/" + truth + ":2: ILSVRC2012_val_00000002 is of class n01484850, but of n01443537 before"},
		"a truth twice": {mini.Files{truth: []byte("449\n450\n"), "copy/" + truth: []byte("449\n450\n")}, ""},
		"a NUL":         {mini.Files{truth: []byte("449\n\x00450\n")}, truth + ": a NUL byte"},
		"too many": {mini.Files{truth: bytes.Repeat([]byte("449\n"), 1<<20+1)},
			truth + ": 1048577 lines: want at most 1048576"},
		"no number": {mini.Files{truth: []byte("449\ntwo\n")},
			truth + `:2: "two": want the number of a class, 1 to 1000`},
		"no header": {mini.Files{truth: []byte("class\n449\n450\n")},
			truth + `:1: "class": want the number of a class`},
		"number 0": {mini.Files{truth: []byte("449\n0\n")}, `:2: "0": want the number of a class, 1 to 1000`},
		"number 1001": {mini.Files{truth: []byte("449\n1001\n")},
			`:2: "1001": want the number of a class, 1 to 1000`},
		"a line less":             {mini.Files{truth: []byte("449\n")}, ":not in the list of validation images"},
		"all":                     {mini.Files{truth: []byte("449\n450\n")}, ""},
		"with a damaged meta.mat": {mini.Files{truth: []byte("449\n450\n"), "meta.mat": []byte("\x00")}, ""},
		"not listed": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n")},
			":not in the list of validation images"},
		"both listed": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001.JPEG n01440764\n\n" +
			"ILSVRC2012_val_00000002 n01443537\n")}, ""},
		"twice, as one": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n" +
			"ILSVRC2012_val_00000002 n01443537\nILSVRC2012_val_00000001 n01440764\n")}, ""},
		"twice, as two": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n" +
			"ILSVRC2012_val_00000001 n01443537\n")},
			"val.txt:2: ILSVRC2012_val_00000001 is of class n01443537, but of n01440764 before"},
		"after a header": {mini.Files{"val.txt": []byte("image class\n" +
			"ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 n01443537\n")}, ""},
		"after two lines of others": {mini.Files{"val.txt": []byte("image class\nother\n" +
			"ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 n01443537\n")}, "but nothing that gives their labels"},
		"a list of bytes": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\n\x00")},
			"val.txt: a NUL byte"},
		"a line of none": {mini.Files{"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 cat\n")},
			`val.txt:2: "ILSVRC2012_val_00000002 cat": want IMAGE WNID`},
		"names of classes": {mini.Files{"words.txt": []byte("n01440764 a fish\nn01443537 another\n"),
			"val.txt": []byte("ILSVRC2012_val_00000001 n01440764\nILSVRC2012_val_00000002 n01443537\n")}, ""},
		"names of classes alone": {mini.Files{"words.txt": []byte("n01440764 a fish\nn01443537 another\n")},
			"but nothing that gives their labels"},
		"which class is above which": {mini.Files{"wordnet.is_a.txt": []byte("n00001740 n01440764\nn00001740 n01443537\n")},
			"but nothing that gives their labels"},
	} {
		f := mini.Join(base, c.more)
		switch want, rejected, is := strings.Cut(c.want, ":has"); {
		case is, strings.HasPrefix(c.want, ":not"):
			s := open(t, source.Options{}, f.Folder(t))
			sameRejected(t, s.Rejected, map[string]string{"val/ILSVRC2012_val_00000002.JPEG": strings.TrimPrefix(want+rejected,
				":")})
		case c.want == "":
			s := open(t, source.Options{}, f.Folder(t))
			if len(s.Items) != 4 || len(s.Rejected) > 0 || s.Items[2].Label != 0 || s.Items[3].Label != 1 {
				t.Errorf("%s: items %+v, rejected %v", name, s.Items, s.Rejected)
			}
		default:
			t.Run(name, func(t *testing.T) { lacks(t, failure(source.Options{}, f.Folder(t)), c.want) })
		}
	}
}
