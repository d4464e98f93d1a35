// Package lex splits PTX text into tokens (PTX ISA, chapter 4: Syntax). It keeps the line of each, because a few
// directives (.loc, .file) end with their line and because errors should name it.
package lex

import (
	"fmt"
	"strings"
)

// Kind tells what a token is.
type Kind uint8

const (
	End    Kind = iota // after the last token
	Word               // a directive, an opcode with its modifiers, a name, a register: .reg ld.global.v4.f32 $L_1 %tid.x
	Number             // a constant as written, without its sign: 12 0x1f 0f3F800000
	String             // a string, without its quotes
	Punct              // one of ( ) { } [ ] < > , ; : + - @ ! | = * / & ^ ~ ?
)

// Token is one token and the line on which it begins, counted from 1.
type Token struct {
	Kind Kind
	Text string
	Line int
}

// Is says whether a token is this word or punctuation.
func (t Token) Is(text string) bool {
	return t.Text == text && (t.Kind == Word || t.Kind == Punct)
}

func (t Token) String() string {
	if t.Kind == End {
		return "the end of the text"
	}
	return fmt.Sprintf("%q", t.Text)
}

// Error is a mistake in a PTX text.
type Error struct {
	Line int
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// Errorf makes an Error.
func Errorf(line int, format string, args ...any) error {
	return &Error{line, fmt.Sprintf(format, args...)}
}

// Tokens splits a text. The last token is always of kind End.
func Tokens(text string) ([]Token, error) {
	s := scanner{text: text, line: 1}
	tokens := make([]Token, 0, len(text)/6+1)
	for {
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.Kind == End {
			return tokens, nil
		}
	}
}

type scanner struct {
	text string
	pos  int
	line int
}

func (s *scanner) next() (Token, error) {
	if err := s.space(); err != nil {
		return Token{}, err
	}
	if s.pos == len(s.text) {
		return Token{End, "", s.line}, nil
	}
	start, c := s.pos, s.text[s.pos]
	kind := Punct
	switch {
	case c == '"':
		return s.quoted()
	case isDigit(c):
		kind = Number
		for s.pos < len(s.text) && (isWord(s.text[s.pos]) || s.text[s.pos] == '.') {
			s.pos++
		}
	case isWord(c) || c == '.':
		kind = Word
		s.word()
	case strings.IndexByte("(){}[]<>,;:+-@!|=*/&^~?", c) >= 0:
		s.pos++
	default:
		return Token{}, Errorf(s.line, "unexpected character %q", c)
	}
	return Token{kind, s.text[start:s.pos], s.line}, nil
}

// word moves past the rest of a word. Two colons are part of it (ld.global.L2::128B), one ends it (a label).
func (s *scanner) word() {
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		switch {
		case isWord(rest[0]) || rest[0] == '.':
			s.pos++
		case len(rest) > 2 && rest[:2] == "::" && isWord(rest[2]):
			s.pos += 2
		default:
			return
		}
	}
}

func (s *scanner) quoted() (Token, error) {
	rest := s.text[s.pos+1:]
	end := strings.IndexAny(rest, "\"\n")
	if end < 0 || rest[end] == '\n' {
		return Token{}, Errorf(s.line, "a string without its closing quote")
	}
	s.pos += end + 2
	return Token{String, rest[:end], s.line}, nil
}

// space moves past blanks and comments.
func (s *scanner) space() error {
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		switch {
		case rest[0] == '\n':
			s.line++
			s.pos++
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			s.pos++
		case strings.HasPrefix(rest, "//"):
			line, _, _ := strings.Cut(rest, "\n")
			s.pos += len(line)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return Errorf(s.line, "a comment without its end")
			}
			s.line += strings.Count(rest[:end+4], "\n")
			s.pos += end + 4
		default:
			return nil
		}
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$' || c == '%'
}
