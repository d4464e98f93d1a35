package prepare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"duet/dataloader/layout"
	"duet/dataloader/source"
	"duet/internal/rng"
)

// A choice is the images of a listing that a set takes, in its order.
type choice struct {
	listing *source.Listing
	classes []source.Class
	items   []chosen // by item of the listing
	order   [2][]int // of train and val: the items
	ownVal  bool     // the listing has validation images of these classes
}

// chosen is what becomes of an item.
type chosen struct {
	label    int32 // -1: not taken
	val      bool
	position int32 // in the order of its split
}

// choose leaves out classes and images as the options say, and splits off validation images.
func choose(l *source.Listing, o Options) (*choice, error) {
	for _, f := range l.Faults {
		if len(o.Classes) == 0 {
			return nil, layout.Advise("class %s; without it the other classes can be chosen by name (--classes)", f.Problem)
		}
		if slices.Contains(o.Classes, f.Class) {
			return nil, layout.Advise("class %s", f.Problem)
		}
	}
	c := &choice{listing: l, items: make([]chosen, len(l.Items))}
	labels, err := c.chooseClasses(o.Classes)
	if err != nil {
		return nil, err
	}
	for _, class := range c.classes {
		if err := writable(class); err != nil {
			return nil, err
		}
	}
	for i, it := range l.Items {
		c.items[i] = chosen{label: labels[it.Label], val: it.Val}
		c.ownVal = c.ownVal || it.Val && labels[it.Label] >= 0
	}
	if o.ValFraction > 0 && !c.ownVal {
		c.splitOff(o.ValFraction, o.Seed)
	}
	c.thin(false, o.PerClass, o.Seed)
	c.thin(true, o.ValPerClass, o.Seed)
	for i := range c.items {
		it := &c.items[i]
		if it.label < 0 {
			continue
		}
		split := splitIndex(it.val)
		it.position = int32(len(c.order[split]))
		c.order[split] = append(c.order[split], i)
	}
	for label, items := range c.members(false) {
		if len(items) == 0 {
			return nil, fmt.Errorf("class %s has no training image", c.classes[label].ID)
		}
	}
	return c, nil
}

// writable refuses a class that classes.txt, a checkpoint or other programs could not hold.
func writable(class source.Class) error {
	for _, text := range []string{class.ID, class.Name} {
		if strings.ContainsAny(text, "\r\n\t") {
			return fmt.Errorf("class %q: a class name cannot hold a line break or a tab", text)
		}
		if !utf8.ValidString(text) {
			return fmt.Errorf("class %q is not valid UTF-8: rename the folder, or save the table as UTF-8", text)
		}
	}
	return nil
}

func splitIndex(val bool) int {
	if val {
		return 1
	}
	return 0
}

// ErrNoClass is among the errors of a Run that was asked for a class that the source lacks.
var ErrNoClass = errors.New("no class")

// chooseClasses gives the new label of every class of the listing, -1 when it is left out. Classes keep their order.
func (c *choice) chooseClasses(wanted []string) ([]int32, error) {
	all := c.listing.Classes
	taken := make([]bool, len(all))
	ids, names := map[string]int{}, map[string][]int{}
	for i, class := range all {
		ids[class.ID] = i
		names[class.Name] = append(names[class.Name], i)
	}
	delete(names, "") // of classes without a name
	var missing []string
	for _, w := range wanted {
		i, is := ids[w]
		switch same := names[w]; {
		case is:
			taken[i] = true
		case len(same) == 1:
			taken[same[0]] = true
		case len(same) == 0:
			missing = append(missing, w)
		default:
			var of []string
			for _, i := range same {
				of = append(of, all[i].ID)
			}
			return nil, fmt.Errorf("class %q is the name of %d classes: want an id, one or more of %s", w, len(same), quoted(of))
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%w %s in the source: want ids or names of its %d classes, such as %q", ErrNoClass,
			quoted(missing), len(all), all[0].ID)
	}
	labels := make([]int32, len(all))
	for i, class := range all {
		if labels[i] = -1; taken[i] || len(wanted) == 0 {
			labels[i] = int32(len(c.classes))
			c.classes = append(c.classes, class)
		}
	}
	return labels, nil
}

// quoted is "a", "b".
func quoted(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, strconv.Quote(n))
	}
	return strings.Join(all, ", ")
}

// members are the taken items of a split by label.
func (c *choice) members(val bool) [][]int {
	members := make([][]int, len(c.classes))
	for i, it := range c.items {
		if it.label >= 0 && it.val == val {
			members[it.label] = append(members[it.label], i)
		}
	}
	return members
}

// splitOff makes a validation split out of a fraction of every class: at least one image of a class of two or more, and
// never all of it.
func (c *choice) splitOff(fraction float64, seed uint64) {
	for label, items := range c.members(false) {
		n := len(items)
		take := min(max(int(math.Round(fraction*float64(n))), 1), n-1)
		order := rng.New(seed, rng.Split, uint32(label)&rng.MaxStream, 0).Permutation(n)
		for _, at := range order[:max(take, 0)] {
			c.items[items[at]].val = true
		}
	}
}

// thin leaves most images of every class of a split out, so that at most limit stay; 0 is no limit.
func (c *choice) thin(val bool, limit int, seed uint64) {
	if limit == 0 {
		return
	}
	for label, items := range c.members(val) {
		if len(items) <= limit {
			continue
		}
		order := rng.New(seed, rng.Split, uint32(label)&rng.MaxStream, uint32(1+splitIndex(val))).Permutation(len(items))
		for _, at := range order[limit:] {
			c.items[items[at]].label = -1
		}
	}
}
