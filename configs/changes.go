package configs

import (
	"fmt"
	"reflect"

	"duet/engine/train"
)

// Changes are the keys whose values differ between two configurations, in the order of the tables. A layer is named as
// in an override, network.layers.conv1.rate; where other layers stand in the list, the list as a whole has changed.
func Changes(was, is *train.Config) []train.Change {
	var all []train.Change
	compare(reflect.ValueOf(*was), reflect.ValueOf(*is), "", &all)
	return all
}

// compare adds the changes of a value and what it holds.
func compare(was, is reflect.Value, path string, all *[]train.Change) {
	t := was.Type()
	switch {
	case t.Kind() == reflect.Interface:
		compare(was.Elem().Elem(), is.Elem().Elem(), path, all)
	case t.Kind() == reflect.Struct:
		for _, f := range fields(t) {
			compare(was.FieldByIndex(f.Index), is.FieldByIndex(f.Index), join(path, keyOf(f)), all)
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && sameNames(was, is):
		for i := range was.Len() {
			compare(was.Index(i), is.Index(i), join(path, nameOf(was.Index(i))), all)
		}
	case !reflect.DeepEqual(was.Interface(), is.Interface()):
		*all = append(*all, train.Change{Key: path, Was: shown(was), Is: shown(is)})
	}
}

// sameNames says whether two arrays of tables with names have the same ones.
func sameNames(a, b reflect.Value) bool {
	if a.Len() != b.Len() || a.Len() == 0 || !a.Index(0).FieldByName("Name").IsValid() {
		return false
	}
	for i := range a.Len() {
		if nameOf(a.Index(i)) != nameOf(b.Index(i)) {
			return false
		}
	}
	return true
}

func nameOf(table reflect.Value) string { return table.FieldByName("Name").String() }

// shown is a value as people read it.
func shown(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "not given"
		}
		return shown(v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			return fmt.Sprintf("%d tables", v.Len())
		}
	case reflect.String:
		if v.Len() == 0 {
			return `""`
		}
	}
	return fmt.Sprint(v)
}
