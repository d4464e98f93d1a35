package main

import (
	"maps"
	"slices"

	"duet/kernels/ptxinfo/lex"
	"duet/kernels/ptxinfo/syntax"
)

// layout is where shared variables lie in a block's shared memory. An offset is a number in the C++, so what functions
// use lies first and is at the same place for all entries; behind it lies what the entry itself uses, and at last the
// dynamic memory, which has no length here.
type layout struct {
	common  map[*variable]int // of functions
	size    int
	reaches map[string]bool // entries and functions that need the common part
}

func align(n, to int) int { return (n + to - 1) / to * to }

// place gives a variable the next offset.
func place(at map[*variable]int, size int, v *variable) int {
	if _, known := at[v]; known {
		return size
	}
	size = align(size, v.Align)
	at[v] = size
	return size + v.Size()
}

// uses are the names in a body's instructions, and the variables that it declares.
func uses(b *block) (words map[string]bool, own []*variable) {
	words = map[string]bool{}
	open := []*block{b}
	for len(open) > 0 {
		b := open[len(open)-1]
		open = open[:len(open)-1]
		for _, x := range b.statements {
			switch x := x.(type) {
			case *block:
				open = append(open, x)
			case *variable:
				own = append(own, x)
			case *instruction:
				for _, o := range x.operands {
					words[o.text] = true
					for _, part := range o.list {
						words[part.text] = true
					}
				}
			}
		}
	}
	return words, own
}

// shared are the shared variables of known length that a body uses: its own, which are declared last but lie first, as
// ptxinfo has it.
func (t *translator) shared(f *function) []*variable {
	words, own := uses(f.body)
	var list []*variable
	for _, v := range append(own, t.m.Variables...) {
		if v.Space == "shared" && v.Size() > 0 && (words[v.Name] || slices.Contains(own, v)) {
			list = append(list, v)
		}
	}
	return list
}

// lay places what functions use.
func (t *translator) lay() error {
	t.layout = layout{common: map[*variable]int{}, reaches: map[string]bool{}}
	calls := map[string][]string{}
	for _, f := range t.m.functions {
		words, _ := uses(f.body)
		for _, word := range slices.Sorted(maps.Keys(words)) {
			if g := t.functions[word]; g != nil && !g.Entry {
				calls[f.Name] = append(calls[f.Name], word)
			}
		}
		if f.Entry {
			continue
		}
		for _, v := range t.shared(f) {
			if t.layout.size = place(t.layout.common, t.layout.size, v); t.layout.size > syntax.MaxBytes {
				return lex.Errorf(v.Line, "shared variables of more than %d bytes", syntax.MaxBytes)
			}
		}
	}
	for _, f := range t.m.functions {
		t.layout.reaches[f.Name] = !f.Entry || len(calls[f.Name]) > 0
	}
	return nil
}

// place lays out the shared memory of a function: offsets, and the bytes in all, to which the dynamic memory is
// aligned.
func (t *translator) place(f *function) (offsets map[*variable]int, size int) {
	offsets = map[*variable]int{}
	if t.layout.reaches[f.Name] {
		maps.Copy(offsets, t.layout.common)
		size = t.layout.size
	}
	if f.Entry {
		for _, v := range t.shared(f) {
			size = place(offsets, size, v)
		}
	}
	to := 16
	for _, v := range t.m.Variables {
		if v.Space == "shared" && v.Size() == 0 {
			to = max(to, v.Align)
		}
	}
	return offsets, align(size, to)
}
