package layout_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"duet/dataloader/layout"
	"duet/dataloader/source/mini"
	"duet/dataloader/tree"
)

var layouts = map[string]func(*layout.Survey) (*layout.Listing, error){"ilsvrc2012": layout.ILSVRC,
	"cifar": layout.CIFAR, "idx": layout.IDX, "csv": layout.Table, "folders": layout.Folders}

// survey is that of a folder of files.
func survey(t *testing.T, f mini.Files, r layout.Request) *layout.Survey {
	t.Helper()
	s := layout.NewSurvey(r, nil)
	x, err := tree.List(t.Context(), []tree.Root{{Path: f.Folder(t)}}, tree.Options{Look: s.Look})
	if err != nil {
		t.Fatal(err)
	}
	s.Finish(x)
	return s
}

// Each layout takes what is arranged so, says NotThis of anything else, and another error of what is arranged so but
// broken. What one says does not depend on which others were asked before.
func TestLayouts(t *testing.T) {
	image := mini.GreyPNG(8, 8, 1)
	record := make([]byte, 3073)
	table := mini.Files{"1.png": image, "2.png": image}
	for name, c := range map[string]struct {
		f          mini.Files
		is, broken string // the layout
	}{
		"nothing":          {mini.Files{}, "", ""},
		"WordNet folders":  {mini.Files{"n01440764/1.png": image, "n02102040/1.png": image}, "ilsvrc2012", ""},
		"a WordNet folder": {mini.Files{"n01440764/1.png": image}, "", "ilsvrc2012"},
		"a batch":          {mini.Files{"data_batch_1.bin": record, "batches.meta.txt": []byte("a")}, "cifar", ""},
		"a class missing":  {mini.Files{"data_batch_1.bin": record, "batches.meta.txt": []byte("a b")}, "", "cifar"},
		"IDX": {mini.Files{"train-images-idx3-ubyte": {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7},
			"train-labels-idx1-ubyte": {0, 0, 8, 1, 0, 0, 0, 1, 7}}, "idx", ""},
		"IDX labels":    {mini.Files{"train-labels-idx1-ubyte": {0, 0, 8, 1, 0, 0, 0, 1, 7}}, "", "idx"},
		"a table":       {mini.Join(table, mini.Files{"l.csv": []byte("1,x\n2,y\n")}), "csv", ""},
		"half a table":  {mini.Join(table, mini.Files{"l.csv": []byte("a,b,c\n")}), "", "csv"},
		"class folders": {mini.Files{"a/1.png": image, "b/1.png": image}, "folders", ""},
		"one folder":    {mini.Files{"a/1.png": image}, "", "folders"},
		"no folders":    {table, "", ""},
	} {
		s := survey(t, c.f, layout.Request{Roots: 1})
		for range 2 {
			for of, list := range layouts {
				l, err := list(s)
				_, not := errors.AsType[*layout.NotThis](err)
				if (l == nil) == (err == nil) || (l != nil) != (of == c.is) && !taken(name, of) || !not && l == nil &&
					of != c.broken && !refused(name, of) {
					t.Errorf("%s as %s: listing %v, error %v", name, of, l != nil, err)
				}
			}
		}
	}
}

// taken and refused are what else is true of the sources of TestLayouts: layouts are tried in an order.
func taken(source, as string) bool { return source == "WordNet folders" && as == "folders" }
func refused(source, as string) bool {
	return source == "a WordNet folder" && as == "folders"
}

// Columns, flags and the like are advised by errors that can be told from others.
func TestAdvice(t *testing.T) {
	image := mini.GreyPNG(8, 8, 1)
	_, err := layout.Folders(survey(t, mini.Files{"a/1.png": image}, layout.Request{Roots: 1}))
	if !errors.Is(err, layout.ErrAdvice) || !strings.Contains(err.Error(), "--format folders") {
		t.Errorf("error %v, want advice", err)
	}
	_, err = layout.CIFAR(survey(t, mini.Files{"test_batch.bin": make([]byte, 3073)}, layout.Request{Roots: 1}))
	if err == nil || errors.Is(err, layout.ErrAdvice) {
		t.Errorf("error %v, want one without advice", err)
	}
}

// Every ILSVRC2012_ID stands for a class of its own, and every class has its name, whoever lists it.
func TestILSVRC2012Classes(t *testing.T) {
	list, err := os.ReadFile("ilsvrc2012.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(list), "\n"), "\n")
	for id, want := range map[int]string{1: "n02119789 kit fox, Vulpes macrotis", 490: "n01751748 sea snake",
		361: "n09193705 alp", 449: "n01440764 tench, Tinca tinca", 1000: "n03255030 dumbbell"} {
		if lines[id-1] != want {
			t.Errorf("ILSVRC2012_ID %d is %q, want %q", id, lines[id-1], want)
		}
	}
	image := mini.GreyPNG(8, 8, 1)
	f := mini.Files{}
	var truth strings.Builder
	for k, line := range lines {
		f["train/"+line[:9]+"/1.png"] = image
		f[fmt.Sprintf("val/ILSVRC2012_val_%08d.JPEG", k+1)] = image
		fmt.Fprintln(&truth, k+1)
	}
	f["ILSVRC2012_validation_ground_truth.txt"] = []byte(truth.String())
	s := survey(t, f, layout.Request{Roots: 1})
	l, err := layout.ILSVRC(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Classes) != 1000 || len(l.Items) != 2000 {
		t.Errorf("%d classes, %d images, want 1000, 2000", len(l.Classes), len(l.Items))
	}
	for _, it := range l.Items {
		var k int
		fmt.Sscanf(it.Name, "val/ILSVRC2012_val_%d", &k)
		class := l.Classes[it.Label]
		if class.Name == "" || it.Val && class.ID+" "+class.Name != lines[k-1] {
			t.Errorf("%s is of class %+v", it.Name, class)
		}
	}
	folders, err := layout.Folders(s)
	if err != nil || !slices.Equal(folders.Classes, l.Classes) {
		t.Errorf("class folders: %v, or other classes than %v", err, l.Classes)
	}
}
