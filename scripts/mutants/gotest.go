package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type options struct {
	count int
	seed  uint64
	tags  string
	least float64
	quick time.Duration
}

// pkg is a package of the module.
type pkg struct {
	path  string // relative to the module
	dir   string
	files []string // Go files of this build but tests, and those with C in them
	uses  map[string]bool
	took  time.Duration // its tests; 0: not measured
}

type module struct {
	chosen []*pkg
	all    []*pkg
}

// list asks the go command for the module's packages.
func list(tags string, chosen []string) (*module, error) {
	out, err := exec.Command("go", "list", "-deps", "-test", "-tags", tags,
		"-json=ImportPath,Dir,GoFiles,Deps,ForTest,Module", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	m := &module{}
	byPath := map[string]*pkg{}
	tested := map[string][]string{} // by package: what its tests import, through others too
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir, ForTest string
			GoFiles, Deps            []string
			Module                   *struct{ Path string }
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil || p.Module.Path != "duet" {
			continue
		}
		if of, isTest := strings.CutSuffix(p.ImportPath, ".test"); isTest {
			tested[of] = p.Deps
			continue
		}
		if p.ForTest == "" {
			byPath[p.ImportPath] = &pkg{path: within(p.ImportPath), dir: p.Dir, files: p.GoFiles,
				uses: map[string]bool{}}
		}
	}
	for of, deps := range tested {
		p := byPath[of]
		for _, d := range deps {
			d, _, _ = strings.Cut(d, " ") // "duet/engine/op [duet/engine/op.test]"
			p.uses[within(d)] = true
		}
		m.all = append(m.all, p)
	}
	slices.SortFunc(m.all, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	for _, c := range chosen {
		p := byPath[path.Join("duet", filepath.ToSlash(c))]
		if p == nil {
			return nil, fmt.Errorf("no package %s", c)
		}
		m.chosen = append(m.chosen, p)
	}
	if len(m.chosen) == 0 {
		return nil, errors.New("which packages?")
	}
	return m, nil
}

// within is a package's path relative to the module.
func within(importPath string) string {
	if importPath == "duet" {
		return "."
	}
	return strings.TrimPrefix(importPath, "duet/")
}

// others are the packages whose tests could notice a change of this one, the quickest first. Tests of commands are none
// of them: they build the program anew, without the overlay.
func (t *trial) others() (all []*pkg) {
	if t.quick == 0 {
		return nil
	}
	for _, p := range t.module.all {
		if p != t.of && p.uses[t.of.path] && p.took <= t.quick && !strings.HasPrefix(p.path, "cmd/") {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b *pkg) int { return int(a.took - b.took) })
	return all
}

// notCompiled is what a mutant that is no program is noticed by.
const notCompiled = "the compiler"

// try runs tests on a mutant, and says which package's noticed it; "" when none did.
func (t *trial) try(m mutant) (by string, err error) {
	path := filepath.Join(t.of.dir, filepath.Base(m.file))
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(t.temp, "changed.go"), filepath.Join(t.temp, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(changed, m.apply(source), 0o666),
		os.WriteFile(overlay, replace, 0o666)); err != nil {
		return "", err
	}
	for _, p := range append([]*pkg{t.of}, t.others()...) {
		said, err := t.test(p, "-overlay", overlay, "-timeout", (20*time.Second + 4*p.took).String())
		switch {
		case strings.Contains(said, "[build failed]"):
			return notCompiled, nil
		case err != nil:
			return p.path, nil
		}
	}
	return "", nil
}

// test runs a package's tests up to the first failure, and gives what the go command says.
func (t *trial) test(p *pkg, flags ...string) (said string, err error) {
	c := exec.Command("go", slices.Concat([]string{"test", "-vet=off", "-failfast", "-tags", t.tags}, flags,
		[]string{"./" + p.path})...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// measure runs the tests unchanged: they must pass, and how long they take bounds a change that never ends. Those of a
// dependent that take too long are not run again.
func (t *trial) measure() error {
	for _, p := range t.module.all {
		own := p == t.of
		if p.took > 0 || !own && (t.quick == 0 || !p.uses[t.of.path] || strings.HasPrefix(p.path, "cmd/")) {
			continue
		}
		limit := 10 * time.Minute
		if !own {
			limit = t.quick + time.Second
		}
		said, err := t.test(p, "-count=1", "-timeout", limit.String())
		switch took := tookOf(said); {
		case err == nil:
			p.took = max(took, time.Millisecond)
		case !own && (strings.Contains(said, "panic: test timed out") || strings.Contains(said, "ran too long")):
			p.took = limit
		default:
			return fmt.Errorf("unchanged, the tests of %s fail: %w\n%s", p.path, err, said)
		}
	}
	return nil
}

// tookOf is the time in "ok  duet/engine/op  0.547s".
func tookOf(said string) time.Duration {
	fields := strings.Fields(said)
	if len(fields) < 3 {
		return 0
	}
	took, _ := time.ParseDuration(fields[2]) // of a package without tests 0
	return took
}
