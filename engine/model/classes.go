package model

import (
	"fmt"

	"duet/dataloader/packed"
)

// ClassName is a class for people: its name, with the ID beside it where another class has that name too; the ID where
// it has none.
func (in Input) ClassName(label int) string {
	id, name := in.Classes[label], in.name(label)
	if name == "" {
		return id
	}
	for other := range in.Classes {
		if other != label && in.name(other) == name {
			return fmt.Sprintf("%s (%s)", name, id)
		}
	}
	return name
}

// name is a class's name, "" where it has none.
func (in Input) name(label int) string {
	if label < len(in.Names) {
		return in.Names[label]
	}
	return ""
}

// Match finds the classes of data among those that a network learned: by ID or, where no ID is the same, by a name that
// one class has. labels are the network's by the data's labels, -1 for a class that it has not learned or that another
// stands for already.
func (in Input) Match(classes []packed.Class) (labels []int32) {
	ids, names := map[string]int{}, map[string]int{} // labels; -1: of several
	for label, id := range in.Classes {
		ids[id] = label
		if name := in.name(label); name != "" {
			if _, again := names[name]; again {
				label = -1
			}
			names[name] = label
		}
	}
	labels = make([]int32, len(classes))
	taken := map[int]bool{}
	take := func(i, label int, ok bool) {
		if ok && labels[i] < 0 && label >= 0 && !taken[label] {
			labels[i], taken[label] = int32(label), true
		}
	}
	for i, c := range classes {
		labels[i] = -1
		label, ok := ids[c.ID]
		take(i, label, ok)
	}
	for i, c := range classes {
		for _, same := range []struct {
			in  map[string]int
			key string
		}{{names, c.Name}, {names, c.ID}, {ids, c.Name}} {
			label, ok := same.in[same.key]
			take(i, label, ok)
		}
	}
	return labels
}
