package syntax

import "duet/kernels/ptxinfo/lex"

// function reads what follows .entry or .func.
func (m *Module) function(c *Cursor, f *Function) (err error) {
	if c.Take("(") {
		if f.Results, err = c.params(); err != nil {
			return err
		}
	}
	t, err := c.Name("the name of a function")
	if err != nil {
		return err
	}
	f.Name = t.Text
	if c.Take("(") {
		if f.Params, err = c.params(); err != nil {
			return err
		}
	}
	if f.MaxThreads, err = c.limits(); err != nil {
		return err
	}
	if c.Take(";") { // a declaration of what is elsewhere, or follows
		return nil
	}
	for _, other := range m.Functions {
		if other.Name == f.Name {
			return lex.Errorf(t.Line, "a second definition of %s", f.Name)
		}
	}
	f.Body = c.Pos
	m.Functions = append(m.Functions, f)
	err = c.SkipBody()
	f.End = c.Pos
	return err
}

// params reads parameters up to the closing bracket.
func (c *Cursor) params() ([]*Variable, error) {
	var params []*Variable
	offset := 0
	for !c.Take(")") {
		if len(params) > 0 {
			if err := c.Want(","); err != nil {
				return nil, err
			}
		}
		if err := c.Want(".param"); err != nil {
			return nil, err
		}
		v := &Variable{Space: "param"}
		if err := c.declarator(v); err != nil {
			return nil, err
		}
		v.Offset = (offset + v.Align - 1) / v.Align * v.Align
		if offset = v.Offset + v.Size(); offset > MaxBytes {
			return nil, lex.Errorf(v.Line, "parameters of more than %d bytes", MaxBytes)
		}
		params = append(params, v)
	}
	return params, nil
}

// limits reads the performance directives between the parameters and the body. It gives the number of threads.
func (c *Cursor) limits() (threads int, err error) {
	for err == nil {
		t := c.Peek()
		if t.Is("{") || t.Is(";") {
			break
		}
		c.Pos++
		switch t.Text {
		case ".maxntid", ".reqntid":
			threads, err = c.threads(t)
		case ".maxnreg", ".minnctapersm", ".maxnctapersm":
			_, err = c.Number("a number")
		case ".noreturn":
		case ".pragma":
			err = c.SkipTo(";")
		default:
			err = lex.Errorf(t.Line, "%v, want a limit or a body", t)
		}
	}
	return threads, err
}

// threads reads the extents of a block.
func (c *Cursor) threads(limit lex.Token) (int, error) {
	threads := 1
	for more := true; more; more = c.Take(",") {
		n, err := c.Number("a number of threads")
		if err != nil {
			return 0, err
		}
		if n < 1 || threads*n > MaxBytes {
			return 0, lex.Errorf(limit.Line, "%s of %d times %d threads", limit.Text, threads, n)
		}
		threads *= n
	}
	return threads, nil
}
