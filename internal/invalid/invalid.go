// Package invalid is how a package that owns a part of the configuration says what is wrong with it. Package configs
// adds the file and the line.
package invalid

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error is an impossible value in a configuration.
type Error struct {
	Key string // dotted path, such as "network.layers[2].kernel"
	Why string // what is wrong and what would be accepted

	// Missing says the same where the key was not given at all; "" unless the impossible value is the one that it then
	// has.
	Missing string
}

func (e *Error) Error() string { return e.Key + ": " + e.Why }

// Key says that the value of a key is impossible. A format of what is wanted alone begins with the verb of the value
// and a comma, as in "%d, want at least 1".
func Key(key, format string, args ...any) error {
	e := &Error{Key: key, Why: fmt.Sprintf(format, args...)}
	if verb, wanted, ok := strings.Cut(format, ", "); ok && len(verb) == 2 && verb[0] == '%' &&
		reflect.ValueOf(args[0]).IsZero() {
		e.Missing = "missing, " + fmt.Sprintf(wanted, args[1:]...)
	}
	return e
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
		return &Error{table + "." + e.Key, e.Why, e.Missing}
	}
	return fmt.Errorf("%s: %w", table, err)
}

// Printable is a text with all escaped, as in "\x1b", that a terminal would not show as a character: names that
// somebody else has chosen shall neither end a line nor steer the terminal.
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
