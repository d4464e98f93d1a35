package op_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"

	"duet/engine/backend/conformance"
	"duet/engine/op"
)

// declared are the operations of this package's sources: the types that have an Infer.
func declared(t *testing.T) (names []string) {
	t.Helper()
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
			if f, is := d.(*ast.FuncDecl); is && f.Name.Name == "Infer" && f.Recv != nil {
				names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	return names
}

func typeName(o op.Op) string { return reflect.TypeOf(o).Name() }

// TestEveryOperationIsTested: none is forgotten in the lists that the tests go through.
func TestEveryOperationIsTested(t *testing.T) {
	sound, compared, derived := map[string]op.Op{}, map[string]bool{}, map[string]bool{}
	for _, c := range everySound() {
		sound[typeName(c.o)] = c.o
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
	names := declared(t)
	if len(names) < 30 {
		t.Errorf("only %v are declared", names)
	}
	for _, name := range names {
		o := sound[name]
		if o == nil {
			t.Errorf("op.%s has no shapes: add a line to everySound in engine/op/infer_test.go", name)
		}
		if !compared[name] {
			t.Errorf("op.%s is run on no device: add cases to engine/backend/conformance/cases_*.go", name)
		}
		if _, is := o.(op.Differentiable); is && !derived[name] {
			t.Errorf("op.%s has a gradient that nothing checks: add a line to gradients in engine/op/gradient_test.go", name)
		}
	}
}
