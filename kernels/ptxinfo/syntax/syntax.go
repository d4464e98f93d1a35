// Package syntax reads the declarations of a PTX text: its variables, and its entries and functions with their
// parameters and limits. What stands in a body, and initial values, it leaves to its users as tokens. Syntax and sizes
// are those of the PTX ISA, chapters 4, 5 and 11.
package syntax

import (
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
)

// Module is what a PTX text declares.
type Module struct {
	Tokens    []lex.Token
	Version   string // of the PTX language: 7.8
	Target    string // the lowest architecture that it runs on: sm_70
	Variables []*Variable
	Functions []*Function // with bodies
}

// Function is an .entry or a .func.
type Function struct {
	Line       int
	Name       string
	Entry      bool
	Visible    bool // to a program that loads the module
	Results    []*Variable
	Params     []*Variable
	MaxThreads int // of a block, 0 where the text does not say
	Body, End  int // the tokens from { to behind its }
}

// At is a cursor at a token of the module's.
func (m *Module) At(token int) *Cursor { return &Cursor{m.Tokens, token} }

// Parse reads a PTX text. An error names the line; the tokens are there also then, where the text has any.
func Parse(text string) (*Module, error) {
	tokens, err := lex.Tokens(text)
	m := &Module{Tokens: tokens}
	if err != nil {
		return m, err
	}
	for c := m.At(0); c.Peek().Kind != lex.End; {
		if err := m.directive(c); err != nil {
			return m, err
		}
	}
	if m.Version == "" || m.Target == "" {
		return m, lex.Errorf(1, "no .version and .target: not PTX")
	}
	return m, nil
}

// directive reads one at the top of a text, with the linkage before it.
func (m *Module) directive(c *Cursor) (err error) {
	visible := false
	t := c.Next()
	for ; t.Is(".visible") || t.Is(".weak") || t.Is(".extern") || t.Is(".common"); t = c.Next() {
		visible = visible || t.Is(".visible") || t.Is(".weak")
	}
	switch t.Text {
	case ".version":
		m.Version, err = c.version()
	case ".target":
		m.Target, err = c.target()
	case ".address_size":
		_, err = c.Number("a size")
	case ".entry", ".func":
		err = m.function(c, &Function{Line: t.Line, Entry: t.Is(".entry"), Visible: visible})
	case ".shared", ".global", ".const":
		var v []*Variable
		v, err = c.Variables(t)
		m.Variables = append(m.Variables, v...)
	case ".pragma", ".alias":
		err = c.SkipTo(";")
	case ".file", ".loc":
		c.SkipLine(t.Line)
	case ".section":
		if _, err = c.Word("a section"); err == nil {
			err = c.SkipBody()
		}
	default:
		err = lex.Errorf(t.Line, "%v, want a directive", t)
	}
	return err
}

func (c *Cursor) version() (string, error) {
	t := c.Next()
	major, minor, dot := strings.Cut(t.Text, ".")
	_, errMajor := strconv.ParseUint(major, 10, 16)
	_, errMinor := strconv.ParseUint(minor, 10, 16)
	if t.Kind != lex.Number || !dot || errMajor != nil || errMinor != nil {
		return "", lex.Errorf(t.Line, "%v, want a version such as 7.8", t)
	}
	return t.Text, nil
}

// target reads an architecture and passes over options such as texmode_independent and debug.
func (c *Cursor) target() (string, error) {
	t, err := c.Word("an architecture")
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(t.Text, "sm_") {
		return "", lex.Errorf(t.Line, "%v, want an architecture such as sm_70", t)
	}
	for c.Take(",") {
		if _, err := c.Word("an option of the target"); err != nil {
			return "", err
		}
	}
	return t.Text, nil
}
