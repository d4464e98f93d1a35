package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// scan finds every key, table and array element of a TOML text by its path such as "network.layers[2].kernel" (see
// join): its line, and of numbers, booleans and dates how they are written. The text must be valid TOML: there is no
// error, only paths that are missing.
func scan(text []byte) *scanner {
	s := &scanner{text: string(text), line: 1, lines: map[string]int{}, texts: map[string]string{},
		tables: map[string]int{}}
	table := ""
	for s.blank(true); !s.end(); s.blank(true) {
		before := s.at
		if s.peek() == '[' {
			table = s.header()
		} else {
			s.pair(table)
		}
		if s.at == before {
			break // not TOML
		}
	}
	return s
}

type scanner struct {
	text   string
	at     int // offset of the next byte
	line   int
	lines  map[string]int    // from 1
	texts  map[string]string // of what is neither a string, an array nor a table
	tables map[string]int    // arrays of tables: how many elements so far
}

// join is the path of a key in a table; the path of the outermost table is empty.
func join(table, key string) string {
	if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		key = strconv.Quote(key)
	}
	if table == "" {
		return key
	}
	return table + "." + key
}

// element is the path of an element of an array.
func element(array string, i int) string { return fmt.Sprintf("%s[%d]", array, i) }

func (s *scanner) end() bool { return s.at >= len(s.text) }

// peek is the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.end() {
		return 0
	}
	return s.text[s.at]
}

// take skips n bytes and counts the lines.
func (s *scanner) take(n int) {
	n = min(n, len(s.text)-s.at)
	s.line += strings.Count(s.text[s.at:s.at+n], "\n")
	s.at += n
}

// next skips a byte if it comes next.
func (s *scanner) next(c byte) bool {
	if s.end() || s.text[s.at] != c {
		return false
	}
	s.take(1)
	return true
}

// blank skips white space; with lines, also ends of lines and comments.
func (s *scanner) blank(lines bool) {
	for !s.end() {
		switch c := s.peek(); {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			s.take(1)
		case lines && c == '#':
			s.until("\n")
		default:
			return
		}
	}
}

// until skips to the first of some bytes and gives what it skipped.
func (s *scanner) until(stop string) string {
	n := strings.IndexAny(s.text[s.at:], stop)
	if n < 0 {
		n = len(s.text) - s.at
	}
	skipped := s.text[s.at : s.at+n]
	s.take(n)
	return skipped
}

// found notes where a path first appears.
func (s *scanner) found(path string, line int) {
	if _, earlier := s.lines[path]; !earlier {
		s.lines[path] = line
	}
}

// header reads [a.b] or [[a.b]] and gives the path of the table that it opens.
func (s *scanner) header() string {
	line := s.line
	s.take(1)
	array := s.next('[')
	table := ""
	keys := s.keys()
	for i, key := range keys {
		table = join(table, key)
		s.found(table, line)
		if array && i == len(keys)-1 {
			s.tables[table]++
		}
		if n := s.tables[table]; n > 0 {
			table = element(table, n-1)
			s.found(table, line)
		}
	}
	s.next(']')
	if array {
		s.next(']')
	}
	return table
}

// pair reads a key and its value.
func (s *scanner) pair(table string) {
	line := s.line
	for _, key := range s.keys() {
		table = join(table, key)
		s.found(table, line)
	}
	if s.next('=') {
		s.blank(false)
		s.value(table)
	}
}

// keys reads a dotted key: a, a.b, "a".b
func (s *scanner) keys() []string {
	var keys []string
	for {
		s.blank(false)
		switch c := s.peek(); c {
		case '"', '\'':
			quoted := s.quoted()
			key := strings.Trim(quoted, string(c))
			if k, err := strconv.Unquote(quoted); err == nil && c == '"' {
				key = k
			}
			keys = append(keys, key)
		default:
			keys = append(keys, s.until(" \t\r\n.=]},#"))
		}
		s.blank(false)
		if !s.next('.') {
			return keys
		}
	}
}

// quoted reads a string of any of the four kinds, with its quotes.
func (s *scanner) quoted() string {
	start, c := s.at, s.text[s.at:s.at+1]
	if long := strings.Repeat(c, 3); strings.HasPrefix(s.text[s.at:], long) {
		s.take(3)
		for !s.end() && !strings.HasPrefix(s.text[s.at:], long) {
			s.character(c)
		}
		s.take(3)
		for s.peek() == c[0] { // up to two quotes may stand before the closing ones
			s.take(1)
		}
		return s.text[start:s.at]
	}
	for s.take(1); !s.end() && s.peek() != c[0]; {
		s.character(c)
	}
	s.take(1)
	return s.text[start:s.at]
}

// character skips a character of a string, two for an escape.
func (s *scanner) character(quote string) {
	if quote == `"` && s.peek() == '\\' {
		s.take(1)
	}
	s.take(1)
}

// value reads the value of a path.
func (s *scanner) value(path string) {
	switch s.peek() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.take(1)
		for i := 0; ; i++ {
			if s.blank(true); s.end() || s.next(']') {
				return
			}
			s.found(element(path, i), s.line)
			s.value(element(path, i))
			s.blank(true)
			if !s.next(',') && s.peek() != ']' {
				return
			}
		}
	case '{':
		s.take(1)
		for {
			if s.blank(true); s.end() || s.next('}') {
				return
			}
			s.pair(path)
			s.blank(true)
			if !s.next(',') && s.peek() != '}' {
				return
			}
		}
	default:
		s.texts[path] = strings.TrimSpace(s.until(",]}#\r\n"))
	}
}
