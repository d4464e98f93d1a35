package pickle

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"duet/internal/invalid"
)

// texts are the values of protocol 0, written as lines.
var texts = map[byte]opcode{
	'I': {"INT", line(maxInteger, intText)},
	'L': {"LONG", line(maxInteger, func(s string) (any, error) { return decimal(strings.TrimSuffix(s, "L")) })},
	'F': {"FLOAT", line(maxInteger, func(s string) (any, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) { // too large is an infinity, as in Python
			return nil, fmt.Errorf("\"%s\", want a float", invalid.Short(s))
		}
		return f, nil
	})},
	'S': {"STRING", line(0, quoted)},
	'V': {"UNICODE", line(0, rawUnicode)},
}

// line is a value of a line of at most so many bytes, 0: as long as it is.
func line(limit int, value func(string) (any, error)) func(*machine) error {
	return func(m *machine) error {
		s, err := m.in.line(limit)
		if err != nil {
			return err
		}
		v, err := value(s)
		if err == nil {
			m.push(v)
		}
		return err
	}
}

// memoText is memo of protocol 0, whose numbers are lines.
func memoText(do func(*machine, uint64) error) func(*machine) error {
	return func(m *machine) error {
		s, err := m.in.line(maxInteger)
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return fmt.Errorf("\"%s\", want a number of the memo", invalid.Short(s))
		}
		return do(m, n)
	}
}

// globalText is GLOBAL, whose names are lines.
func globalText(m *machine) error {
	module, err := m.in.line(maxName)
	if err != nil {
		return err
	}
	name, err := m.in.line(maxName)
	if err != nil {
		return err
	}
	return m.global(module, name)
}

// intText is a number, and "00" and "01" are what protocol 0 has for False and True.
func intText(s string) (any, error) {
	switch s {
	case "00":
		return false, nil
	case "01":
		return true, nil
	}
	return decimal(s)
}

func decimal(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, fmt.Errorf("\"%s\", want an integer", invalid.Short(s))
	}
	return n, nil
}

// long is an integer in two's complement, little endian, behind the number of its bytes.
func long(lengthBytes int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.in.number(lengthBytes)
		switch {
		case err != nil:
			return err
		case n > maxInteger:
			return fmt.Errorf("an int of %d bytes, want at most %d", n, maxInteger)
		}
		b, err := m.in.bytes(n)
		if err != nil {
			return err
		}
		slices.Reverse(b)
		v := new(big.Int).SetBytes(b)
		if n > 0 && b[0] >= 0x80 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*n)))
		}
		if v.IsInt64() {
			m.push(v.Int64())
		} else {
			m.push(v)
		}
		return nil
	}
}

// quoted is the str of Python 2 as its repr writes it.
func quoted(s string) (any, error) {
	if len(s) < 2 || s[0] != '\'' && s[0] != '"' || s[len(s)-1] != s[0] {
		return nil, fmt.Errorf("\"%s\", want a str in quotes", invalid.Short(s))
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, `\`)
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		n := 1
		switch {
		case rest == "":
			return nil, errors.New("a str that ends in a backslash, want what it escapes")
		case strings.IndexByte(`\'"`, rest[0]) >= 0:
			b.WriteByte(rest[0])
		case strings.IndexByte("ntr", rest[0]) >= 0:
			b.WriteByte(map[byte]byte{'n': '\n', 't': '\t', 'r': '\r'}[rest[0]])
		case rest[0] == 'x' && len(rest) > 2:
			c, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				return nil, fmt.Errorf("\"\\%s\", want two hexadecimal digits", invalid.Short(rest[:3]))
			}
			b.WriteByte(byte(c))
			n = 3
		default:
			return nil, fmt.Errorf("\"\\%s\", want an escape of Python's repr", invalid.Short(rest[:1]))
		}
		s = rest[n:]
	}
}

// rawUnicode is Python's encoding raw-unicode-escape: bytes are characters of Latin-1, \uXXXX and \UXXXXXXXX others.
func rawUnicode(s string) (any, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		digits := 0
		if s[i] == '\\' && i+1 < len(s) {
			digits = map[byte]int{'u': 4, 'U': 8}[s[i+1]]
		}
		if digits == 0 {
			b.WriteRune(rune(s[i]))
			continue
		}
		end := i + 2 + digits
		if end > len(s) {
			return nil, fmt.Errorf("\"%s\", want %d hexadecimal digits", invalid.Short(s[i:]), digits)
		}
		c, err := strconv.ParseUint(s[i+2:end], 16, 32)
		if err != nil || c > 0x10ffff || utf16.IsSurrogate(rune(c)) {
			return nil, fmt.Errorf("\"%s\", want a character in %d hexadecimal digits", invalid.Short(s[i:end]), digits)
		}
		b.WriteRune(rune(c))
		i = end - 1
	}
	return b.String(), nil
}
