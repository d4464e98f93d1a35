package configs

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// set applies an override, path.to.key=value, to the TOML values of a file.
func (r *report) set(tree map[string]any, arg string) {
	written, value, found := strings.Cut(arg, "=")
	written = strings.TrimSpace(written)
	if !found || written == "" || !utf8.ValidString(arg) {
		r.problems = append(r.problems, &Error{Set: fmt.Sprintf("%q", arg),
			Why: "want PATH.TO.KEY=VALUE, such as train.batch=64"})
		return
	}
	_, path, err := place(tree, root, strings.Split(written, "."), "", value)
	if err != nil {
		r.problems = append(r.problems, &Error{Set: written, Why: err.Error()})
		return
	}
	under := func(p string) bool {
		rest, is := strings.CutPrefix(p, path)
		return is && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	maps.DeleteFunc(r.lines, func(p string, _ int) bool { return under(p) })
	maps.DeleteFunc(r.texts, func(p, _ string) bool { return under(p) })
	const name = "value"
	for p, text := range scan([]byte(name + " = " + strings.TrimSpace(value))).texts {
		r.texts[path+strings.TrimPrefix(p, name)] = text
	}
	kept := r.sets[:0]
	for _, o := range r.sets {
		if !under(o.path) {
			kept = append(kept, o)
		}
	}
	r.sets = append(kept, override{path, written})
}

// place puts a value into a TOML value of a Go type, down a path of keys that may end in [index]. It gives the new
// value and its whole path.
func place(node any, t reflect.Type, keys []string, path, value string) (placed any, whole string, err error) {
	t = concrete(t)
	if len(keys) == 0 {
		return literal(value, t), path, nil
	}
	key, index, indexed := strings.Cut(keys[0], "[")
	switch {
	case t.Kind() == reflect.Slice:
		return placeElement(node, t, keys, path, value)
	case t.Kind() != reflect.Struct:
		return nil, "", fmt.Errorf("%s is %s, it has no keys", path,
			strings.Replace(wanted(t), "true or false", "a boolean", 1))
	}
	f, ok := fieldOf(t, key)
	if !ok {
		return nil, "", fmt.Errorf("unknown key %s, %s", join("", key), suggest(key, keysOf(t)))
	}
	table, ok := node.(map[string]any)
	if node == nil {
		table, ok = map[string]any{}, true
	}
	if !ok {
		return nil, "", fmt.Errorf("%s is %s in the file, want a table", path, describe(node))
	}
	rest := keys[1:]
	if indexed {
		rest = append([]string{"[" + index}, rest...)
	}
	child, whole, err := place(table[key], f.Type, rest, join(path, key), value)
	if err == nil {
		table[key] = child
	}
	return table, whole, err
}

// placeElement is place in an array, whose element is named by [index] or, where elements are tables, by name.
func placeElement(node any, t reflect.Type, keys []string, path, value string) (placed any, whole string, err error) {
	all, ok := items(node)
	if node != nil && !ok {
		return nil, "", fmt.Errorf("%s is %s in the file, want an array", path, describe(node))
	}
	i, err := elementOf(all, keys[0])
	if err != nil {
		return nil, "", fmt.Errorf("%s%w", path, err)
	}
	placed, whole, err = place(all[i], t.Elem(), keys[1:], element(path, i), value)
	if err == nil { // else what is there stays
		all[i] = placed
	}
	return all, whole, err
}

// elementOf finds an element by [index] or by the name in the table that it is.
func elementOf(all []any, key string) (int, error) {
	if number, is := strings.CutPrefix(key, "["); is {
		i, err := strconv.Atoi(strings.TrimSuffix(number, "]"))
		switch {
		case err != nil || !strings.HasSuffix(number, "]"):
			return 0, fmt.Errorf("%s: want an index such as [0]", key)
		case len(all) == 0:
			return 0, errors.New(" has no elements")
		case i < 0 || i >= len(all):
			return 0, fmt.Errorf("[%d]: want an index of 0 to %d", i, len(all)-1)
		}
		return i, nil
	}
	var names []string
	for i, e := range all {
		table, _ := e.(map[string]any)
		name, ok := table["name"].(string)
		if ok && name == key {
			return i, nil
		}
		if ok {
			names = append(names, name)
		}
	}
	return 0, fmt.Errorf(" has no element named %s, %s", key, suggest(key, names))
}

// literal is the TOML value that an override means. A string needs no quotes; what is not TOML is a string.
func literal(text string, t reflect.Type) any {
	text = strings.TrimSpace(text)
	var parsed map[string]any
	err := toml.Unmarshal([]byte("value = "+text), &parsed)
	value, ok := parsed["value"]
	if err != nil || !ok || len(parsed) != 1 {
		return text
	}
	if _, quoted := value.(string); t.Kind() == reflect.String && !quoted {
		return text
	}
	return value
}
