package configs

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"duet/alexnet"
	"duet/dataloader"
	"duet/engine/train"
)

// variants are the keys on whose value it depends which other keys their table has: by the table's type and the key.
var variants = []struct {
	table reflect.Type
	key   string
	lacks func(value string) []string // keys of the table that do not go with a value
}{
	{reflect.TypeFor[alexnet.Layer](), "type", alexnet.LacksOfType},
	{reflect.TypeFor[alexnet.Layer](), "init", alexnet.LacksOfInit},
	{reflect.TypeFor[train.Schedule](), "type", train.LacksOfSchedule},
	{reflect.TypeFor[dataloader.Config](), "codec", dataloader.LacksOfCodec},
}

// leaveOut removes what the file says for another type than the one that an override chose, and says so: the user
// cannot have meant it. What overrides say stays.
func (r *report) leaveOut(tree map[string]any) (notes []string) {
	for _, o := range r.sets {
		at := strings.LastIndexByte(o.path, '.')
		if at < 0 {
			continue
		}
		table, t := find(tree, root, o.path[:at])
		for _, v := range variants {
			value, _ := table[v.key].(string)
			if v.table != t || v.key != o.path[at+1:] {
				continue
			}
			var left []string
			for _, key := range slices.Sorted(maps.Keys(table)) {
				if line := r.lines[join(o.path[:at], key)]; line > 0 && slices.Contains(v.lacks(value), key) {
					delete(table, key)
					left = append(left, fmt.Sprintf("%s (line %d)", key, line))
				}
			}
			if len(left) > 0 {
				notes = append(notes, fmt.Sprintf("--set %s=%s leaves out what %s says for another: %s", o.written, value, r.file,
					strings.Join(left, ", ")))
			}
		}
	}
	return notes
}

// find is the table of a path, and the type that takes it; nil where there is none.
func find(node any, t reflect.Type, path string) (map[string]any, reflect.Type) {
	for path != "" {
		end := strings.IndexAny(path[1:], ".[") + 1
		if end == 0 {
			end = len(path)
		}
		step := strings.TrimPrefix(path[:end], ".")
		path = path[end:]
		t = concrete(t)
		if t.Kind() == reflect.Slice {
			all, _ := items(node)
			i, err := elementOf(all, step)
			if err != nil {
				return nil, nil
			}
			node, t = all[i], t.Elem()
			continue
		}
		table, _ := node.(map[string]any)
		if t.Kind() != reflect.Struct {
			return nil, nil
		}
		f, ok := fieldOf(t, step)
		if !ok {
			return nil, nil
		}
		node, t = table[step], f.Type
	}
	table, _ := node.(map[string]any)
	return table, concrete(t)
}
