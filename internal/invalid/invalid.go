// Package invalid is how a package that owns a part of the configuration says what is wrong with it. Package configs
// adds the file and the line.
package invalid

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error is an impossible value in a configuration.
type Error struct {
	Key string // dotted path, such as "network.layers[2].kernel"
	Why string // what is wrong and what would be accepted
}

func (e *Error) Error() string { return e.Key + ": " + e.Why }

// Key says that the value of a key is impossible.
func Key(key, format string, args ...any) error {
	return &Error{key, fmt.Sprintf(format, args...)}
}

// Under puts a table's name before the keys of the errors of its parts; nil stays nil. err may be several joined.
func Under(table string, err error) error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, Under(table, e))
		}
		return errors.Join(all...)
	}
	var e *Error
	if errors.As(err, &e) {
		return &Error{table + "." + e.Key, e.Why}
	}
	return fmt.Errorf("%s: %w", table, err)
}

// Printable is a text with all escaped, as in "\x1b", that a terminal would not show as a character: names that
// somebody
// else has chosen shall neither end a line nor steer the terminal.
func Printable(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if strconv.IsPrint(r) && !(r == utf8.RuneError && n == 1) {
			b.WriteRune(r)
		} else {
			quoted := strconv.Quote(text[i : i+n])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += n
	}
	return b.String()
}
