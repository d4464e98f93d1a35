package backend

import (
	"errors"
	"fmt"
)

// ErrAbsent says that a backend finds no device on this machine.
var ErrAbsent = errors.New("no such device on this machine")

// Available checks devices without opening them: that they are of this program's backends, and that these find
// devices on this machine. Its error is an ErrUnknownDevice or an ErrAbsent.
func Available(names []string) error {
	looked := map[string]bool{}
	for _, name := range names {
		b, _, err := Find(name)
		if err != nil {
			return err
		}
		if looked[b.Name] {
			continue
		}
		looked[b.Name] = true
		switch found, err := b.List(); {
		case err != nil:
			return fmt.Errorf("%s: %w: %w", name, ErrAbsent, err)
		case len(found) == 0:
			return fmt.Errorf("%s: %w", name, ErrAbsent)
		}
	}
	return nil
}
