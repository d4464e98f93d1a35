package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// A mutant is a source with one place changed: the bytes from begin to end give way to text.
type mutant struct {
	file       string // relative to the module
	line       int
	begin, end int
	text       string
	was        string // the whole line, trimmed
	what       string // the change, on one line
}

// apply is the changed source.
func (m mutant) apply(source []byte) []byte {
	return slices.Concat(source[:m.begin], []byte(m.text), source[m.end:])
}

// swaps are the operators that take each other's place.
var swaps = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR}, token.GTR: {token.GEQ, token.LEQ},
	token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.AND: {token.OR}, token.OR: {token.AND}, token.SHL: {token.SHR}, token.SHR: {token.SHL}, token.XOR: {token.AND},
	token.INC: {token.DEC}, token.DEC: {token.INC},
	token.ADD_ASSIGN: {token.SUB_ASSIGN, token.ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN, token.ASSIGN},
	token.MUL_ASSIGN: {token.QUO_ASSIGN, token.ASSIGN}, token.QUO_ASSIGN: {token.MUL_ASSIGN, token.ASSIGN},
	token.OR_ASSIGN: {token.ASSIGN},
}

// names are the identifiers that take each other's place.
var names = map[string]string{"true": "false", "false": "true", "min": "max", "max": "min"}

// finder collects the mutants of one file.
type finder struct {
	file   string
	source []byte
	set    *token.FileSet
	all    []mutant
}

// find gives every mutant of a file.
func find(file string, source []byte) ([]mutant, error) {
	f := &finder{file: file, source: source, set: token.NewFileSet()}
	parsed, err := parser.ParseFile(f.set, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range parsed.Decls {
		// what people read, not what is computed
		if fn, is := d.(*ast.FuncDecl); is && fn.Body != nil && fn.Name.Name == "String" {
			continue
		}
		ast.Inspect(d, f.visit)
	}
	return f.all, nil
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.swap(n.OpPos, n.Op)
	case *ast.IncDecStmt:
		f.swap(n.TokPos, n.Tok)
		f.remove(n)
	case *ast.AssignStmt:
		f.swap(n.TokPos, n.Tok)
		f.unassign(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT || n.Op == token.SUB {
			f.replace(n.Pos(), n.X.Pos(), "")
		}
	case *ast.Ident:
		if other := names[n.Name]; other != "" {
			f.replace(n.Pos(), n.End(), other)
		}
	case *ast.BasicLit:
		f.literal(n)
	case *ast.IfStmt:
		f.condition(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.replace(n.Cond.Pos(), n.Cond.End(), "false && ("+f.text(n.Cond)+")")
		}
	case *ast.ExprStmt, *ast.DeferStmt, *ast.SendStmt:
		f.remove(n)
	case *ast.BranchStmt:
		if n.Label == nil && (n.Tok == token.BREAK || n.Tok == token.CONTINUE) {
			f.remove(n)
		}
	case *ast.ReturnStmt:
		f.returned(n)
	case *ast.CaseClause:
		if len(n.Body) > 0 && n.List != nil {
			f.replace(n.Body[0].Pos(), n.Body[len(n.Body)-1].End(), "")
		}
	case *ast.ImportSpec:
		return false
	case *ast.Field:
		return n.Tag == nil // a tag is no literal
	}
	return true
}

func (f *finder) swap(at token.Pos, is token.Token) {
	for _, other := range swaps[is] {
		f.replace(at, at+token.Pos(len(is.String())), other.String())
	}
}

// literal changes a number by one.
func (f *finder) literal(n *ast.BasicLit) {
	if n.Kind == token.INT {
		if v, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
			f.replace(n.Pos(), n.End(), strconv.FormatInt(v+1, 10))
		}
	}
	if n.Kind == token.FLOAT {
		f.replace(n.Pos(), n.End(), "(2 * "+n.Value+")")
	}
}

// condition makes one hold always, and never.
func (f *finder) condition(n ast.Expr) {
	f.replace(n.Pos(), n.End(), "false && ("+f.text(n)+")")
	f.replace(n.Pos(), n.End(), "true || ("+f.text(n)+")")
}

// unassign computes what was to be assigned, and drops it.
func (f *finder) unassign(n *ast.AssignStmt) {
	if n.Tok != token.ASSIGN {
		return
	}
	blank := strings.TrimSuffix(strings.Repeat("_, ", len(n.Lhs)), ", ")
	if begin, end := n.Lhs[0].Pos(), n.Lhs[len(n.Lhs)-1].End(); string(f.source[f.offset(begin):f.offset(end)]) != blank {
		f.replace(begin, end, blank)
	}
}

// returned drops an error, or takes a return away where nothing is returned.
func (f *finder) returned(n *ast.ReturnStmt) {
	if len(n.Results) == 0 {
		f.remove(n)
		return
	}
	last := n.Results[len(n.Results)-1]
	switch e := last.(type) {
	case *ast.Ident:
		if e.Name == "err" {
			f.replace(e.Pos(), e.End(), "nil")
		}
	case *ast.CallExpr:
		if callee := f.text(e.Fun); callee == "errors.Join" || callee == "cmp.Or" {
			f.replace(e.Args[0].Pos(), e.Args[0].End(), "nil")
		}
	}
}

func (f *finder) remove(n ast.Node) { f.replace(n.Pos(), n.End(), "") }

func (f *finder) text(n ast.Node) string {
	return string(f.source[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *finder) offset(p token.Pos) int { return f.set.Position(p).Offset }

// replace notes a mutant.
func (f *finder) replace(begin, end token.Pos, text string) {
	at := f.set.Position(begin)
	m := mutant{file: f.file, line: at.Line, begin: at.Offset, end: f.offset(end), text: text}
	m.was = f.line(m.begin)
	m.what = fmt.Sprintf("%s -> %s", oneLine(string(f.source[m.begin:m.end])), oneLine(text))
	f.all = append(f.all, m)
}

// line is the trimmed line around an offset.
func (f *finder) line(at int) string {
	begin := strings.LastIndexByte(string(f.source[:at]), '\n') + 1
	line, _, _ := strings.Cut(string(f.source[begin:]), "\n")
	return strings.TrimSpace(line)
}

// oneLine is code, shortened.
func oneLine(code string) string {
	words := strings.Join(strings.Fields(code), " ")
	if runes := []rune(words); len(runes) > 90 {
		return string(runes[:90]) + "..."
	}
	if words == "" {
		return "nothing"
	}
	return words
}
