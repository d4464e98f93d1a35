package configs_test

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

// allowed are the packages of this module that a package may import; "/..." stands for the folders below. A folder that
// is not listed may import every package but cmd.
//
// Data flows one way: configs -> dataloader -> alexnet -> engine/plan -> engine/backend -> checkpoint, metrics.
var allowed = map[string][]string{
	"configs/invalid":        {},
	"dataloader":             {"configs/invalid", "dataloader/packed", "dataloader/picture", "dataloader/prepare", "dataloader/source", "engine/rng"},
	"dataloader/picture":     {},
	"dataloader/packed":      {"dataloader/picture", "engine/disk"},
	"dataloader/source":      {"configs/invalid", "dataloader/picture", "engine/rng"},
	"dataloader/source/mini": {"engine/rng"},
	"dataloader/prepare":     {"dataloader/packed", "dataloader/picture", "dataloader/source", "engine/disk", "engine/rng"},
	"alexnet":                {"configs/invalid", "engine/op", "engine/rng"},
	"engine/disk":            {},
	"engine/rng":             {},
	"engine/op":              {},
	"engine/plan":            {"engine/backend", "engine/op", "engine/rng"},
	"engine/backend":         {"configs/invalid", "engine/op", "engine/rng"},
	"engine/checkpoint":      {"engine/disk"},
	"engine/metrics":         {"engine/disk"},
	"engine/train": {"alexnet", "configs/invalid", "dataloader", "dataloader/packed", "dataloader/picture", "dataloader/prepare", "engine/backend", "engine/checkpoint", "engine/disk",
		"engine/metrics", "engine/op", "engine/plan", "engine/rng"},
	"configs": {"alexnet", "configs/invalid", "dataloader", "engine/backend", "engine/train"},

	"engine/backend/worker":    {"engine/backend", "engine/op", "engine/rng"},
	"engine/backend/reference": {"engine/backend", "engine/backend/worker", "engine/op", "engine/rng"},
	"engine/backend/dnnl":      {"engine/backend", "engine/backend/worker", "engine/op", "engine/rng"},
	"engine/backend/cuda":      {"engine/backend", "engine/backend/worker", "engine/op", "engine/rng", "kernels/..."},

	"internal/oracle": {}, // which shares nothing with what it is held against
}

// cgo are the only packages in C's company.
var cgo = []string{"engine/backend/dnnl", "engine/backend/cuda", "dataloader/picture"}

// TestImports holds the direction in which the packages depend on each other, under every build tag.
func TestImports(t *testing.T) {
	found := 0
	eachFile(t, func(file, folder string, test bool, imports []string) {
		found++
		for _, path := range imports {
			if path == "C" && !slices.Contains(cgo, folder) {
				t.Errorf("%s: cgo, which only %s may use", file, strings.Join(cgo, " and "))
			}
			target, ours := strings.CutPrefix(path, "duet/")
			if !ours || target == folder { // an external test package imports its own
				continue
			}
			permitted, listed := allowed[folder]
			switch {
			case folder == "internal/oracle":
				t.Errorf("%s: imports %s, but shares nothing with what it is held against", file, path)
			case target == "internal/oracle" && !test:
				t.Errorf("%s: imports %s, which is for tests", file, path)
			case target == "cmd" || strings.HasPrefix(target, "cmd/"):
				if !strings.HasPrefix(folder, "cmd/") {
					t.Errorf("%s: imports %s, which is for nobody", file, path)
				}
			case test:
			case strings.HasPrefix(target, "engine/backend/conformance") && folder != target:
				t.Errorf("%s: imports %s, which is for tests", file, path)
			case listed && !matches(permitted, target):
				t.Errorf("%s: package %s imports %s, want of this module only %v", file, folder, target, permitted)
			}
		}
	})
	if found < 50 {
		t.Errorf("only %d Go files seen: is this the module's root?", found)
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
	const root = ".."
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "data" || name == "runs" || name == "build") {
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

func matches(permitted []string, target string) bool {
	for _, p := range permitted {
		if below, all := strings.CutSuffix(p, "/..."); p == target || all && (target == below || strings.HasPrefix(target, below+"/")) {
			return true
		}
	}
	return false
}
