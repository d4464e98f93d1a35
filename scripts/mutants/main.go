package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.IntVar(&o.count, "n", 20, "changes of each package")
	flag.Uint64Var(&o.seed, "seed", 1, "which changes")
	flag.StringVar(&o.tags, "tags", "", "build tags")
	flag.Float64Var(&o.least, "least", 85, "the percentage that must be noticed in every package")
	flag.DurationVar(&o.quick, "quick",
		0, "run the tests of a dependent only if they take no longer; 0: those of the package alone")
	equivalent := flag.String("equivalent", "scripts/mutants/equivalent.txt",
		"the changes that are not counted, with their reasons")
	flag.Parse()
	err := o.run(*equivalent, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run draws and tries the mutants of all packages.
func (o options) run(equivalent string, packages []string) error {
	known, err := readEquivalent(equivalent)
	if err != nil {
		return err
	}
	module, err := list(o.tags, packages)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var weak []string
	for _, p := range module.chosen {
		t := &trial{options: o, module: module, of: p, temp: temp, known: known}
		score, err := t.run()
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		if score < o.least {
			weak = append(weak, p.path)
		}
	}
	if len(weak) > 0 {
		return fmt.Errorf("fewer than %g %% of the changes were noticed in %s", o.least, strings.Join(weak, ", "))
	}
	return nil
}

// equal is a change that no test need notice.
type equal struct{ file, what, was, reason string }

// readEquivalent reads four lines a change: file, change, the line that it is in, and the reason; an empty line
// follows.
func readEquivalent(path string) (all []equal, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var fields []string
	take := func() error {
		switch len(fields) {
		case 0:
			return nil
		case 4:
			all = append(all, equal{file: fields[0], what: fields[1], was: fields[2], reason: fields[3]})
			fields = nil
			return nil
		}
		return fmt.Errorf("%s: %q: want four lines: file, change, line, reason", path, fields)
	}
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if strings.HasPrefix(line, "#") {
			continue
		}
		if line != "" {
			fields = append(fields, line)
		} else if err := take(); err != nil {
			return nil, err
		}
	}
	return all, errors.Join(take(), s.Err())
}

// trial is of one package.
type trial struct {
	options
	module *module
	of     *pkg
	temp   string
	known  []equal

	own, dependents, equals int // noticed by, or not counted
	left                    []mutant
}

// run tries the mutants of a package and gives the percentage that was noticed.
func (t *trial) run() (score float64, err error) {
	all, err := t.mutants()
	if err != nil {
		return 0, err
	}
	if err := t.measure(); err != nil {
		return 0, err
	}
	for _, k := range t.known {
		if path.Dir(k.file) == t.of.path && !slices.ContainsFunc(all, k.is) {
			fmt.Printf("  nothing is like the equivalent change of %s, %q in %q\n", k.file, k.what, k.was)
		}
	}
	rand.New(rand.NewPCG(t.seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	tried := 0
	for _, m := range all {
		if tried >= t.count {
			break
		}
		if t.isKnown(m) {
			t.equals++
			continue
		}
		by, err := t.try(m)
		switch {
		case err != nil:
			return 0, err
		case by == notCompiled:
			continue
		case by == "":
			t.left = append(t.left, m)
			fmt.Printf("  not noticed  %s:%d: %s   in: %s\n", m.file, m.line, m.what, m.was)
		case by == t.of.path:
			t.own++
		default:
			t.dependents++
		}
		tried++
		fmt.Fprintf(os.Stderr, "%s %d/%d: by %q: %s:%d: %s\n", t.of.path, tried, t.count, by, m.file, m.line, m.what)
	}
	noticed := t.own + t.dependents
	score = 100
	if tried > 0 {
		score = float64(100*noticed) / float64(tried)
	}
	fmt.Printf("%-28s %5.1f %%  %d of %d noticed (%d by its own tests, %d by others'), %d of no consequence, seed %d, "+
		"of %d changes\n",
		t.of.path, score, noticed, tried, t.own, t.dependents, t.equals, t.seed, len(all))
	return score, nil
}

// mutants are all of a package's.
func (t *trial) mutants() (all []mutant, err error) {
	for _, name := range t.of.files {
		source, err := os.ReadFile(filepath.Join(t.of.dir, name))
		if err != nil {
			return nil, err
		}
		found, err := find(t.of.path+"/"+name, source)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (t *trial) isKnown(m mutant) bool {
	return slices.ContainsFunc(t.known, func(k equal) bool { return k.is(m) })
}

func (k equal) is(m mutant) bool { return k.file == m.file && k.what == m.what && k.was == m.was }
