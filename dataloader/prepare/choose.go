package prepare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"duet/dataloader/source"
	"duet/engine/rng"
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
			return nil, fmt.Errorf("class %s; without it the other classes can be chosen by name", f.Problem)
		}
		if slices.Contains(o.Classes, f.Class) {
			return nil, fmt.Errorf("class %s", f.Problem)
		}
	}
	c := &choice{listing: l, items: make([]chosen, len(l.Items))}
	labels, err := c.chooseClasses(o.Classes)
	if err != nil {
		return nil, err
	}
	for _, class := range c.classes {
		if strings.ContainsAny(class.ID+class.Name, "\r\n\t") {
			return nil, fmt.Errorf("class %q: a class name cannot hold a line break or a tab", class.ID)
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

func splitIndex(val bool) int {
	if val {
		return 1
	}
	return 0
}

// chooseClasses gives the new label of every class of the listing, -1 when it is left out. Classes keep their order.
func (c *choice) chooseClasses(wanted []string) ([]int32, error) {
	labels := make([]int32, len(c.listing.Classes))
	if len(wanted) == 0 {
		c.classes = c.listing.Classes
		for i := range labels {
			labels[i] = int32(i)
		}
		return labels, nil
	}
	found := map[string]bool{}
	for i, class := range c.listing.Classes {
		labels[i] = -1
		for _, w := range wanted {
			if w == class.ID || w == class.Name && w != "" {
				found[w] = true
				labels[i] = int32(len(c.classes))
			}
		}
		if labels[i] >= 0 {
			c.classes = append(c.classes, class)
		}
	}
	var missing []string
	for _, w := range wanted {
		if !found[w] {
			missing = append(missing, w)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no class %s in the source: want ids or names of its %d classes, such as %s", strings.Join(missing, ", "),
			len(c.listing.Classes), c.listing.Classes[0].ID)
	}
	return labels, nil
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
