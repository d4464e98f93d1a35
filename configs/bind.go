package configs

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"

	"duet/alexnet"
	"duet/engine/train"
)

// bind stores a TOML value in a Go variable whose fields have toml tags, and reports what does not fit. What the TOML
// lacks keeps its value.
func (r *report) bind(dst reflect.Value, src any, path string) {
	switch dst.Kind() {
	case reflect.Interface: // what is in it says what it takes
		r.bind(dst.Elem(), src, path)
	case reflect.Pointer:
		if dst.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
		}
		r.bind(dst.Elem(), src, path)
	case reflect.Struct:
		r.bindTable(dst, src, path)
	case reflect.Slice:
		items, ok := items(src)
		if !ok {
			r.mistyped(dst.Type(), src, path)
			return
		}
		dst.SetZero()
		if dst.Type().Elem().Kind() == reflect.Struct { // an empty array of tables is not none: backend.Config.Take
			dst.Set(reflect.MakeSlice(dst.Type(), 0, len(items)))
		}
		for i, item := range items {
			dst.Set(reflect.Append(dst, reflect.Zero(dst.Type().Elem())))
			r.bind(dst.Index(i), item, element(path, i))
		}
	default:
		r.bindScalar(dst, src, path)
	}
}

func (r *report) bindTable(dst reflect.Value, src any, path string) {
	table, ok := src.(map[string]any)
	if !ok {
		r.mistyped(dst.Type(), src, path)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if f, ok := fieldOf(dst.Type(), key); ok {
			r.bind(dst.FieldByIndex(f.Index), table[key], join(path, key))
		} else {
			r.problem(join(path, key), "unknown key, %s", suggest(key, keysOf(dst.Type())))
		}
	}
}

func (r *report) bindScalar(dst reflect.Value, src any, path string) {
	if own, is := dst.Addr().Interface().(toml.Unmarshaler); is {
		if err := own.UnmarshalTOML(src); err != nil {
			r.problem(path, "%v", err)
		}
		return
	}
	switch v := src.(type) {
	case string:
		if dst.Kind() == reflect.String {
			dst.SetString(v)
			return
		}
	case bool:
		if dst.Kind() == reflect.Bool {
			dst.SetBool(v)
			return
		}
	case int64:
		switch {
		case dst.CanInt() && !dst.OverflowInt(v):
			dst.SetInt(v)
			return
		case dst.CanUint() && v >= 0:
			dst.SetUint(uint64(v))
			return
		case dst.CanFloat():
			dst.SetFloat(float64(v))
			return
		}
	case float64:
		single := float32(v) // as it is used
		switch finite := v-v == 0; {
		case dst.CanFloat() && finite && (single-single != 0 || single == 0 && v != 0):
			r.problem(path, "%s, want a number that float32 holds: 0, or 1e-45 to 3.4e38 in size", r.texts[path])
			return
		case dst.CanFloat() && finite:
			dst.SetFloat(v)
			return
		}
	}
	r.mistyped(dst.Type(), src, path)
}

// mistyped reports a value of a wrong type.
func (r *report) mistyped(t reflect.Type, src any, path string) {
	what := describe(src)
	if text := r.texts[path]; text != "" {
		if _, is := src.(string); !is { // else the text is no TOML, and taken for a string
			what = text
		}
	}
	r.problem(path, "%s, want %s", what, wanted(t))
}

// describe names a TOML value whose text is not known.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "an array"
	}
	return "a date or time"
}

// wanted names what a Go type takes.
func wanted(t reflect.Type) string {
	switch t = concrete(t); t.Kind() {
	case reflect.Struct:
		return "a table with the keys " + strings.Join(keysOf(t), ", ")
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Struct:
			return "an array of tables"
		case reflect.String:
			return `an array of strings, such as ["a", "b"]`
		}
		return "an array of numbers, such as [1, 2]"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint64:
		return "an integer of at least 0"
	case reflect.Float64:
		return "a finite number"
	}
	return "an integer"
}

// items are the elements of a TOML array.
func items(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []map[string]any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = v[i]
		}
		return all, true
	}
	return nil, false
}

// root is the type of a whole configuration.
var root = reflect.TypeFor[train.Config]()

// concrete is what a type stands for: what a pointer points to, and the network that the engine knows as an interface.
func concrete(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Interface:
		return reflect.TypeFor[alexnet.Config]()
	case reflect.Pointer:
		return t.Elem()
	}
	return t
}

// keyOf is the TOML key of a field.
func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return key
}

// keyed has the fields of types that were asked for: finding them takes longer than to read a file.
var keyed sync.Map

// fields are those of a struct that have a TOML key, with those of structs that are embedded in it. They are not to be
// changed.
func fields(t reflect.Type) []reflect.StructField {
	if all, ok := keyed.Load(t); ok {
		return all.([]reflect.StructField)
	}
	all := slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return keyOf(f) == "" || keyOf(f) == "-"
	})
	keyed.Store(t, all)
	return all
}

// keysOf are the TOML keys of a struct.
func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range fields(t) {
		keys = append(keys, keyOf(f))
	}
	return keys
}

// fieldOf is the field with a TOML key.
func fieldOf(t reflect.Type, key string) (f reflect.StructField, ok bool) {
	all := fields(t)
	i := slices.IndexFunc(all, func(f reflect.StructField) bool { return keyOf(f) == key })
	if i < 0 {
		return f, false
	}
	return all[i], true
}

// replaced are keys of layers that there were once, and what stands now for true.
var replaced = map[string]struct{ key, value string }{"relu": {"activation", "relu"}}

// renew writes the layers' keys of before as they are written now.
func renew(tree map[string]any) {
	network, _ := tree["network"].(map[string]any)
	layers, _ := network["layers"].([]map[string]any)
	for _, l := range layers {
		for was, now := range replaced {
			if on, is := l[was].(bool); is {
				delete(l, was)
				if on {
					l[now.key] = now.value
				}
			}
		}
	}
}

// suggest says which key was probably meant, or which there are.
func suggest(key string, known []string) string {
	if now, was := replaced[key]; was && slices.Contains(known, now.key) {
		return fmt.Sprintf("want %s = %q", now.key, now.value)
	}
	if name := nearest(key, known); name != "" {
		return fmt.Sprintf("did you mean %s?", name)
	}
	return "want one of " + strings.Join(known, ", ")
}

// nearest is which of the known keys was probably meant; empty when none is near.
func nearest(key string, known []string) string {
	name, least := "", 1+max(1, len(key)/3)
	for _, k := range known {
		if len(key) > 2*len(k) {
			continue // also keeps a long key from costing time
		}
		if d := distance(strings.ToLower(key), k); d < least {
			name, least = k, d
		}
	}
	return name
}

// distance is how many bytes must be inserted, removed, replaced or swapped with their neighbour to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1) // rows[i][j] is the distance of a[:i] and b[:j]
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
		for j := range rows[i] {
			switch {
			case i == 0:
				rows[i][j] = j
				continue
			case j == 0:
				continue
			}
			d := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				d = min(d, rows[i-1][j], rows[i][j-1]) + 1
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
