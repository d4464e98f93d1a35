package main

import (
	"fmt"
	"strings"
	"testing"
)

// stripes writes so many images of a class; even classes are striped along, odd ones across.
func (p *place) stripes(class, images int, elem ...string) {
	p.Helper()
	kind := []string{"across", "down"}[class%2]
	for i := range images {
		p.write(pngOf(drawing(kind, class+i)), append(elem, fmt.Sprintf("%d.png", i))...)
	}
}

// TestEvalMatchesClasses: other data may lack classes, have them in another order or, if that is asked for, have more;
// what does not count is named.
func TestEvalMatchesClasses(t *testing.T) {
	p := newPlace(t)
	names := []string{"ant", "bee", "cow"}
	for i, class := range names {
		p.stripes(i, 6, "photos", class)
	}
	p.works(trainArgs("run", sets("data.path=photos", "data.size=24", "data.val_fraction=0.3", "train.batch=4",
		"train.max_steps=20")...)...)
	best := p.path("runs", "run", "checkpoints", "best.safetensors")
	type result struct {
		Images int
		Top1   float64 `json:"top1_error"`
		Loss   float64
		stderr string
	}
	eval := func(args ...string) (r result) {
		t.Helper()
		done := p.works(append([]string{"eval", best, "--json", "--data"}, args...)...)
		p.object(done, &r)
		r.stderr = done.stderr
		return r
	}
	same := func(name string, a, b result) {
		t.Helper()
		if a.Images != b.Images || a.Top1 != b.Top1 || !(a.Loss-b.Loss < 1e-6 && b.Loss-a.Loss < 1e-6) {
			t.Errorf("%s: %+v, want %+v", name, a, b)
		}
	}
	says := func(name, text string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q lacks %q", name, text, w)
			}
		}
	}
	p.stripes(1, 5, "two", "bee")
	p.stripes(2, 4, "two", "cow")
	two := eval("two")
	if two.Images != 9 {
		t.Errorf("two classes: %d images, want 9", two.Images)
	}
	says("two classes", two.stderr, `note: two has no image of 1 class that the network learned: "ant"`)
	p.works("prepare", "two", "packed", "--size", "24", "--val-fraction", "0")
	same("packed", eval("packed"), two)

	// A table gives the same images in one folder; a class more comes first, and shifts the labels.
	p.stripes(0, 3, "more")
	csv := "file,label\n"
	for _, row := range []struct {
		folder, class string
		images        int
	}{{"two/cow", "cow", 4}, {"more", "aardvark", 3}, {"two/bee", "bee", 5}} {
		for i := range row.images {
			name := fmt.Sprintf("%s%d.png", row.class[:1], i)
			p.write(p.read(row.folder, fmt.Sprintf("%d.png", i)), "listed", name)
			csv += name + "," + row.class + "\n"
		}
	}
	p.write([]byte(csv), "listed", "labels.csv")
	p.refused(exitFailed, []string{"listed: has 1 class that the network has not learned", `"aardvark"`,
		"--known-classes"}, "eval", best, "--data", "listed")
	known := eval("listed", "--known-classes")
	same("a class more", known, two)
	says("a class more", known.stderr, `3 images of 1 class that the network has not learned are left out: "aardvark"`)
	p.works("prepare", "listed", "listed-packed", "--size", "24", "--val-fraction", "0")
	p.refused(exitFailed, []string{"listed-packed: has 1 class", `"aardvark"`, "--known-classes"}, "eval", best, "--data",
		"listed-packed")
	same("a class more, packed", eval("listed-packed", "--known-classes"), two)

	p.stripes(1, 2, "others", "eel")
	p.stripes(2, 2, "others", "fox")
	for _, flag := range []string{"--known-classes", "--known-classes=false"} {
		p.refused(exitFailed,
			[]string{"others", `none of the classes that the network learned: "eel", "fox"; it learned "ant", "bee", "cow"`},
			"eval", best, "--data", "others", flag)
	}
}

// TestClassNames: what the classes are called goes into the checkpoint, and predict and eval show it.
func TestClassNames(t *testing.T) {
	p := newPlace(t)
	ids, words := []string{"n01443537", "n02012849", "n03126707"}, []string{"goldfish, Carassius auratus", "crane",
		"crane"}
	list := ""
	for i, id := range ids {
		p.stripes(i, 4, "tiny", "train", id, "images")
		list += id + "\t" + words[i] + "\n"
	}
	p.write([]byte(strings.Join(ids, "\n")+"\n"), "tiny", "wnids.txt")
	p.works(trainArgs("run", sets("data.path=tiny", "data.size=24", "data.val_fraction=0.3", "train.batch=4",
		"train.max_steps=2")...)...)
	best, image := p.path("runs", "run", "checkpoints", "best.safetensors"), p.path("tiny", "train", ids[0], "images",
		"0.png")
	shown := p.works("predict", best, image).stdout
	for _, want := range []string{"  goldfish, Carassius auratus  ", "  crane (n02012849)            ",
		"  crane (n03126707)            "} {
		if !strings.Contains(shown, want) {
			t.Errorf("predict prints %q, want %q", shown, want)
		}
	}
	var all []struct {
		Guesses []struct{ Class, Name string }
	}
	p.object(p.works("predict", best, image, "--json"), &all)
	for _, g := range all[0].Guesses {
		at := strings.Index(list, g.Class+"\t"+g.Name+"\n")
		if at < 0 || g.Name == "" {
			t.Errorf("predict --json gives %q the name %q", g.Class, g.Name)
		}
	}
	p.stripes(0, 3, "named", "goldfish, Carassius auratus") // folders by name, not by ID
	p.stripes(1, 3, "named", ids[1])
	r := p.works("eval", best, "--data", "named")
	if !strings.Contains(r.stdout, "images       6\n") || !strings.Contains(r.stderr, `learned: "crane (n03126707)"`) {
		t.Errorf("eval prints %q and says %q", r.stdout, r.stderr)
	}
}
