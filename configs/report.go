package configs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"duet/internal/invalid"
)

// Error is one problem of a configuration.
type Error struct {
	File string // where it is; empty for an override
	Line int    // in File, from 1; 0 when the file lacks the key and its table
	Set  string // the override's key as it was written; empty for a value of the file
	Key  string // full path, such as "network.layers[2].kernel"; empty when the text is not TOML
	Why  string // what is wrong and what would be accepted
}

// Error is one line, whatever the names in it.
func (e *Error) Error() string {
	where := e.File
	switch {
	case e.Set != "":
		where = "--set " + e.Set
	case e.Line > 0:
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key != "" && e.Key != e.Set {
		where += ": " + e.Key
	}
	return invalid.Printable(where + ": " + e.Why)
}

// report collects the problems of a configuration, and knows where each value comes from.
type report struct {
	file     string
	lines    map[string]int    // of the file, by path; without what overrides replaced
	texts    map[string]string // how values are written, by path, those of overrides too
	sets     []override
	problems []*Error
}

// override is a value that was set on the command line.
type override struct {
	path    string // as in lines
	written string // as the user named it
}

// problem adds a problem of a key. It is the override's where an override set the key or the nearest table around it,
// else the file's.
func (r *report) problem(key, format string, args ...any) {
	e := &Error{File: r.file, Key: key, Why: fmt.Sprintf(format, args...)}
	r.problems = append(r.problems, e)
	for path := key; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		for _, o := range r.sets {
			if o.path == path {
				e.File, e.Set = "", o.written
			}
		}
		if e.Set != "" {
			if path == key {
				e.Key = e.Set
			}
			return
		}
		if e.Line = r.lines[path]; e.Line > 0 {
			return
		}
	}
}

// given says whether the file or an override gives a key.
func (r *report) given(key string) bool {
	return r.lines[key] > 0 || slices.ContainsFunc(r.sets, func(o override) bool { return o.path == key })
}

// invalid adds the problems that a package found in its table.
func (r *report) invalid(err error) {
	if err == nil {
		return
	}
	var joined interface{ Unwrap() []error }
	var at *invalid.Error
	switch {
	case errors.As(err, &joined):
		for _, e := range joined.Unwrap() {
			r.invalid(e)
		}
	case errors.As(err, &at):
		why := at.Why
		if at.Missing != "" && !r.given(at.Key) {
			why = at.Missing
		}
		r.problem(at.Key, "%s", why)
	default:
		r.problems = append(r.problems, &Error{File: r.file, Why: err.Error()})
	}
}

// err is all problems in the order of the file's lines, overrides last.
func (r *report) err() error {
	slices.SortStableFunc(r.problems, func(a, b *Error) int {
		if (a.Set == "") != (b.Set == "") {
			return cmp.Compare(len(a.Set), len(b.Set))
		}
		return cmp.Compare(a.Line, b.Line)
	})
	var errs []error
	for _, e := range r.problems {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}
