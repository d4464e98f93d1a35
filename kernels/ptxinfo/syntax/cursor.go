package syntax

import (
	"strconv"
	"strings"

	"duet/kernels/ptxinfo/lex"
)

// MaxBytes limits what one declaration can claim: beyond it a size is a mistake, and sums stay far from overflow.
const MaxBytes = 1 << 30

// Cursor is a place in a text's tokens, the last of which is of kind End.
type Cursor struct {
	Tokens []lex.Token
	Pos    int
}

func (c *Cursor) Peek() lex.Token { return c.Tokens[c.Pos] }

// Next takes a token; the end can be taken again and again.
func (c *Cursor) Next() lex.Token {
	t := c.Tokens[c.Pos]
	if t.Kind != lex.End {
		c.Pos++
	}
	return t
}

// Take takes this word or punctuation where it comes next.
func (c *Cursor) Take(text string) bool {
	if c.Peek().Is(text) {
		c.Pos++
		return true
	}
	return false
}

func (c *Cursor) Want(text string) error {
	if t := c.Next(); !t.Is(text) {
		return lex.Errorf(t.Line, "%v, want %q", t, text)
	}
	return nil
}

func (c *Cursor) Word(what string) (lex.Token, error) {
	t := c.Next()
	if t.Kind != lex.Word {
		return t, lex.Errorf(t.Line, "%v, want %s", t, what)
	}
	return t, nil
}

// Name takes a word that is no directive.
func (c *Cursor) Name(what string) (lex.Token, error) {
	t, err := c.Word(what)
	if err == nil && t.Text[0] == '.' {
		return t, lex.Errorf(t.Line, "%v, want %s", t, what)
	}
	return t, err
}

// Number takes a count of at most MaxBytes.
func (c *Cursor) Number(what string) (int, error) {
	t := c.Next()
	n, err := Integer(t)
	if err != nil || n > MaxBytes {
		return 0, lex.Errorf(t.Line, "%v, want %s", t, what)
	}
	return int(n), nil
}

// Integer reads a literal without its sign: 12 12U 0x1f 017 0b101.
func Integer(t lex.Token) (uint64, error) {
	if t.Kind != lex.Number || strings.Contains(t.Text, "_") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(strings.TrimSuffix(t.Text, "U"), 0, 64)
}

// SkipTo moves past the next such token.
func (c *Cursor) SkipTo(text string) error {
	for {
		t := c.Next()
		if t.Is(text) {
			return nil
		}
		if t.Kind == lex.End {
			return lex.Errorf(t.Line, "%v, want %q", t, text)
		}
	}
}

// SkipLine moves past a line's tokens.
func (c *Cursor) SkipLine(line int) {
	for c.Peek().Kind != lex.End && c.Peek().Line == line {
		c.Pos++
	}
}

// SkipBody moves from { past its }.
func (c *Cursor) SkipBody() error {
	if err := c.Want("{"); err != nil {
		return err
	}
	for depth := 1; depth > 0; {
		switch t := c.Next(); {
		case t.Kind == lex.End:
			return lex.Errorf(t.Line, "%v inside a body", t)
		case t.Is("{"):
			depth++
		case t.Is("}"):
			depth--
		}
	}
	return nil
}
