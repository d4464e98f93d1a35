package numpy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"duet/alexnet/convert/element"
	"duet/internal/invalid"
)

// parser reads the dict of a header:
//
//	{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
type parser struct{ rest string }

// parseHeader reads a header, which has these three keys, in any order.
func parseHeader(text string) (header, error) {
	p := &parser{text}
	h, seen := header{}, map[string]bool{}
	if err := p.expect("{"); err != nil {
		return h, err
	}
	for !p.accept("}") {
		key, err := p.text()
		if err != nil {
			return h, err
		}
		if seen[key] {
			return h, fmt.Errorf("'%s' twice, want it once", invalid.Short(key))
		}
		seen[key] = true
		if err := p.expect(":"); err != nil {
			return h, err
		}
		if err := p.value(key, &h); err != nil {
			return h, err
		}
		if !p.accept(",") {
			if err := p.expect("}"); err != nil {
				return h, err
			}
			break
		}
	}
	if p.skip(); p.rest != "" {
		return h, p.fail("nothing more")
	}
	if len(seen) != 3 { // value knows no fourth
		return h, errors.New("a key is missing, want 'descr', 'fortran_order' and 'shape'")
	}
	return h, nil
}

// value reads what a key has.
func (p *parser) value(key string, h *header) (err error) {
	switch key {
	case "descr":
		if p.accept("[") {
			return errors.New("'descr' is a list, records with fields, want numbers of one type")
		}
		var name string
		name, err = p.text()
		h.dtype = parseType(name)
	case "fortran_order":
		if h.fortran = p.accept("True"); !h.fortran {
			err = p.expect("False")
		}
	case "shape":
		h.shape, err = p.shape()
	default:
		err = fmt.Errorf("'%s', want 'descr', 'fortran_order' and 'shape' alone", invalid.Short(key))
	}
	return err
}

// shape reads a tuple of numbers. NumPy of Python 2 may end them with an L.
func (p *parser) shape() ([]int64, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	shape := []int64{}
	for !p.accept(")") {
		p.skip()
		digits := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "-0123456789"))]
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, p.fail("a dimension")
		}
		if len(shape) == element.MaxDims {
			return nil, fmt.Errorf("more than %d dimensions, want at most that", element.MaxDims)
		}
		shape = append(shape, n)
		p.rest = strings.TrimPrefix(p.rest[len(digits):], "L")
		if !p.accept(",") {
			return shape, p.expect(")")
		}
	}
	return shape, nil
}

// text reads a str in single quotes or double ones, without escapes: no key and no type has them.
func (p *parser) text() (string, error) {
	p.skip()
	if p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
		return "", p.fail("a str in quotes")
	}
	s, rest, ok := strings.Cut(p.rest[1:], p.rest[:1])
	if !ok {
		return "", p.fail("a str that ends")
	}
	p.rest = rest
	return s, nil
}

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \n\x00") }

// accept takes a token if it is the next.
func (p *parser) accept(token string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

func (p *parser) expect(token string) error {
	if p.accept(token) {
		return nil
	}
	return p.fail(token)
}

func (p *parser) fail(want string) error {
	return fmt.Errorf("\"%s\", want %s", invalid.Short(p.rest), want)
}
