package op_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"duet/engine/backend/conformance"
	"duet/engine/op"
)

// declared are the types of this package's sources, with the names of their methods.
func declared(t *testing.T) map[string][]string {
	t.Helper()
	methods := map[string][]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || f.Recv == nil {
				continue
			}
			if receiver, is := f.Recv.List[0].Type.(*ast.Ident); is {
				methods[receiver.Name] = append(methods[receiver.Name], f.Name.Name)
			}
		}
	}
	return methods
}

func typeName(o op.Op) string { return reflect.TypeOf(o).Name() }

// TestEveryOperationIsTested: none is forgotten in the lists that the tests go through.
func TestEveryOperationIsTested(t *testing.T) {
	sound, compared, derived := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range everySound() {
		sound[typeName(c.o)] = true
	}
	for _, o := range conformance.Operations(t) {
		compared[typeName(o)] = true
	}
	for _, c := range gradients {
		g := gorgonia.NewGraph()
		c.build(t, g)
		for _, n := range g.AllNodes() {
			if a, is := n.Op().(*op.Applied); is {
				derived[typeName(a.Op)] = true
			}
		}
	}
	operations := 0
	for name, methods := range declared(t) {
		if !slices.Contains(methods, "Infer") {
			continue
		}
		operations++
		if !sound[name] {
			t.Errorf("op.%s has no shapes: add a line to everySound in engine/op/infer_test.go", name)
		}
		if !compared[name] {
			t.Errorf("op.%s is run on no device: add cases to engine/backend/conformance/cases_*.go", name)
		}
		if slices.Contains(methods, "Grad") && !derived[name] {
			t.Errorf("op.%s has a gradient that nothing checks: add a line to gradients in engine/op/gradient_test.go", name)
		}
	}
	if operations != len(sound) {
		t.Errorf("%d operations are declared, and %d have shapes", operations, len(sound))
	}
}
