package model_test

import (
	"slices"
	"testing"

	"duet/dataloader/packed"
	"duet/engine/model"
)

// TestMatch: classes of data among those that a network learned, wherever they stand.
func TestMatch(t *testing.T) {
	plain := model.Input{Classes: []string{"ant", "bee", "cow"}}
	named := model.Input{Classes: []string{"n1", "n2", "n3", "n4"}, Names: []string{"goldfish", "crane", "crane", ""}}
	ids := func(all ...string) (classes []packed.Class) {
		for _, id := range all {
			classes = append(classes, packed.Class{ID: id})
		}
		return classes
	}
	for name, c := range map[string]struct {
		in   model.Input
		data []packed.Class
		want []int32
	}{
		"the same":                  {plain, ids("ant", "bee", "cow"), []int32{0, 1, 2}},
		"another order":             {plain, ids("cow", "ant", "bee"), []int32{2, 0, 1}},
		"one is missing":            {plain, ids("ant", "cow"), []int32{0, 2}},
		"one more, in between":      {plain, ids("ant", "bat", "bee", "cow"), []int32{0, -1, 1, 2}},
		"other ones":                {plain, ids("dog", "emu"), []int32{-1, -1}},
		"capitals are others":       {plain, ids("Ant", "bee"), []int32{-1, 1}},
		"no class at all":           {plain, nil, []int32{}},
		"folders named by the name": {named, ids("goldfish", "n4"), []int32{0, 3}},
		"IDs and names": {named, []packed.Class{{ID: "n1", Name: "goldfish"}, {ID: "n4", Name: "ox"}},
			[]int32{0, 3}},
		"other IDs, the same name":   {named, []packed.Class{{ID: "7", Name: "goldfish"}}, []int32{0}},
		"a name of two":              {named, ids("crane"), []int32{-1}},
		"a name that was an ID":      {plain, []packed.Class{{ID: "0", Name: "bee"}}, []int32{1}},
		"an ID wins over a name":     {named, []packed.Class{{ID: "7", Name: "goldfish"}, {ID: "n1"}}, []int32{-1, 0}},
		"one for two":                {named, []packed.Class{{ID: "7", Name: "goldfish"}, {ID: "goldfish"}}, []int32{0, -1}},
		"no name is no name's equal": {named, []packed.Class{{ID: "x", Name: ""}}, []int32{-1}},
		"an ID that is another name": {model.Input{Classes: []string{"a", "b"}, Names: []string{"b", "a"}}, ids("a", "b"),
			[]int32{0, 1}},
	} {
		if got := c.in.Match(c.data); !slices.Equal(got, c.want) {
			t.Errorf("%s: labels %v, want %v", name, got, c.want)
		}
	}
	for label, want := range []string{"goldfish", "crane (n2)", "crane (n3)", "n4"} {
		if got := named.ClassName(label); got != want {
			t.Errorf("class %d is shown as %q, want %q", label, got, want)
		}
	}
	if got := plain.ClassName(1); got != "bee" {
		t.Errorf("a class without a name is shown as %q, want its ID", got)
	}
}
