package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// instruction is one of a kernel's machine instructions.
type instruction struct {
	name string // with its modifiers, such as LDGSTS.E.BYPASS.128
	to   string // the label that a branch goes to, else empty
}

// is says whether it is the instruction op with any modifiers.
func (i instruction) is(op string) bool { return i.name == op || strings.HasPrefix(i.name, op+".") }

// has says whether it has a modifier.
func (i instruction) has(modifier string) bool { return strings.Contains(i.name+".", "."+modifier+".") }

// kernel is a kernel's instructions in order, and the place of each label among them.
type kernel struct {
	name   string
	code   []instruction
	labels map[string]int
}

// Lines of `nvdisasm -c`: a section of code, a label, an instruction with its address and perhaps its predicate, and in
// it where it branches to.
var (
	section  = regexp.MustCompile(`^\.text\.(\w+):`)
	label    = regexp.MustCompile(`^(\.L\w+):`)
	operates = regexp.MustCompile(`^\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)(.*)`)
	target   = regexp.MustCompile("`\\((\\.L\\w+)\\)")
)

// read takes a listing apart. NOP, which fills up a kernel's end, is left out.
func read(listing io.Reader) (kernels []*kernel, err error) {
	lines := bufio.NewScanner(listing)
	for lines.Scan() {
		line := lines.Text()
		if m := section.FindStringSubmatch(line); m != nil {
			kernels = append(kernels, &kernel{name: m[1], labels: map[string]int{}})
			continue
		}
		if len(kernels) == 0 {
			continue
		}
		k := kernels[len(kernels)-1]
		if m := label.FindStringSubmatch(line); m != nil {
			k.labels[m[1]] = len(k.code)
		} else if m := operates.FindStringSubmatch(line); m != nil && m[1] != "NOP" {
			i := instruction{name: m[1]}
			if to := target.FindStringSubmatch(m[2]); to != nil && i.is("BRA") {
				i.to = to[1]
			}
			k.code = append(k.code, i)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	return kernels, nil
}

// hot is the loop of the products: of the innermost loops with tensor instructions the one with most of them, and of
// those the longest; the whole kernel where these are in no loop, nil where there are none. All that lies in it is
// counted, whether a branch leaves it out or not.
func (k *kernel) hot() (loop []instruction) {
	type extent struct{ first, last int }
	var loops []extent
	for last, branch := range k.code {
		if first, known := k.labels[branch.to]; known && first <= last && count(k.code[first:last+1], "HMMA") > 0 {
			loops = append(loops, extent{first, last})
		}
	}
	most := 0
	if len(loops) == 0 && count(k.code, "HMMA") > 0 {
		return k.code
	}
	for _, l := range loops {
		innermost := true
		for _, m := range loops {
			innermost = innermost && (m == l || m.first < l.first || m.last > l.last)
		}
		body := k.code[l.first : l.last+1]
		if n := count(body, "HMMA"); innermost && (n > most || n == most && len(body) > len(loop)) {
			loop, most = body, n
		}
	}
	return loop
}

// count is how many instructions are op, with all of the modifiers.
func count(code []instruction, op string, modifiers ...string) (n int) {
next:
	for _, i := range code {
		for _, m := range modifiers {
			if !i.has(m) {
				continue next
			}
		}
		if i.is(op) {
			n++
		}
	}
	return n
}
