// The module's own test: how its packages depend on each other.
package duet_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors are the module's packages from the top down: each imports of this module only those of the floors below, none
// of its own floor, and nothing but what is listed here.
var floors = [][]string{
	{"bench/convert", "cmd/duet"},
	{"cmd/duet/board"}, // the live page of its command
	{"."},              // the front door: a program of one's own imports duet
	{"configs"},        // a file to what is to be done
	{"engine/tensorboard"},
	// a network's graph; files of and for other programs, pictures and a training, of any network
	{"alexnet", "alexnet/convert", "alexnet/convert/export", "engine/look", "engine/train"},
	{"engine/model"},
	{"engine/limits"},
	{"dataloader", "engine/plan"},
	{"dataloader/prepare"},
	{"dataloader/generated"},
	{"dataloader/packed", "dataloader/source"},
	{"dataloader/layout"},
	{"dataloader/tree"},
	{"dataloader/picture", "dataloader/source/mini"},
	{"engine/backend/conformance", "engine/backend/watched"},
	{"engine/backend/cuda", "engine/backend/dnnl", "engine/backend/reference"},
	{"engine/backend/worker"},
	{"engine/backend"},
	{"engine/op"},
	{"alexnet/convert/interpret"},
	{"alexnet/convert/caffe", "alexnet/convert/numpy", "alexnet/convert/onnx", "alexnet/convert/pytorch"}, // others' files
	{"alexnet/convert/foreign", "alexnet/convert/pickle"},
	{"alexnet/convert/element", "alexnet/convert/pickle/compose"},
	{"engine/checkpoint", "engine/metrics"},
	{"kernels", "kernels/sim/ptx2cpp"},
	{"kernels/ptxinfo"},
	{"kernels/ptxinfo/syntax"},
	{"kernels/ptxinfo/lex"},
	{"internal/disk/powercut"},
	{"internal/disk", "internal/half", "internal/invalid", "internal/oracle", "internal/rng", "internal/wire",
		"kernels/sass", "scripts/gpu", "scripts/mutants"},
}

// forTests are packages that only tests import: suites, oracles, observers.
var forTests = []string{"engine/backend/conformance", "engine/backend/watched", "internal/oracle",
	"internal/disk/powercut", "alexnet/convert/pickle/compose"}

// cgo are the only packages in C's company.
var cgo = []string{"engine/backend/dnnl", "engine/backend/cuda", "dataloader/picture"}

// TestImports holds the direction in which the packages depend on each other, under every build tag.
func TestImports(t *testing.T) {
	on := map[string]int{}
	for floor, packages := range floors {
		for _, p := range packages {
			on[p] = floor
		}
	}
	found := map[string]bool{}
	eachFile(t, func(file, folder string, test bool, imports []string) {
		floor, listed := on[folder]
		if found[folder] = true; !listed {
			t.Errorf("%s: package %s is on no floor", file, folder)
			return
		}
		for _, path := range imports {
			if path == "C" && !slices.Contains(cgo, folder) {
				t.Errorf("%s: cgo, which only %s may use", file, strings.Join(cgo, " and "))
			}
			target, ours := strings.CutPrefix(path, "duet/")
			if path == "duet" {
				target, ours = ".", true
			}
			if !ours || target == folder { // an external test package imports its own
				continue
			}
			switch below := on[target] > floor; {
			case folder == "internal/oracle":
				t.Errorf("%s: imports %s, but shares nothing with what it is held against", file, path)
			case strings.HasPrefix(target, "cmd/") && folder != "cmd/duet":
				t.Errorf("%s: imports %s, which is for nobody", file, path)
			case test:
			case slices.Contains(forTests, target):
				t.Errorf("%s: imports %s, which is for tests", file, path)
			case !below:
				t.Errorf("%s: package %s imports %s, which is on no floor below", file, folder, target)
			}
		}
	})
	for p := range on {
		if !found[p] {
			t.Errorf("%s has a floor, but no Go file: is this the module's root?", p)
		}
	}
}

// TestNothingOfGorgoniaInTheLoop: gorgonia makes graphs and is an oracle of tests; what trains does not run it.
func TestNothingOfGorgoniaInTheLoop(t *testing.T) {
	eachFile(t, func(file, folder string, test bool, imports []string) {
		for _, path := range imports {
			loop := folder == "engine/train" || folder == "cmd/duet" || strings.HasPrefix(folder, "engine/backend")
			if loop && !test && (path == "gorgonia.org/gorgonia" || path == "gorgonia.org/tensor") {
				t.Errorf("%s: imports %s", file, path)
			}
		}
	})
}

// eachFile gives every Go file of the module with its folder and its imports.
func eachFile(t *testing.T, visit func(file, folder string, test bool, imports []string)) {
	t.Helper()
	const root = "."
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "data" || name == "runs" ||
				name == "build") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, i := range parsed.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imported)
		}
		if file, err = filepath.Rel(root, file); err != nil {
			return err
		}
		file = filepath.ToSlash(file)
		visit(file, path.Dir(file), strings.HasSuffix(name, "_test.go"), imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
