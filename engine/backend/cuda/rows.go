//go:build gpu

package cuda

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/cu"

	"duet/engine/op"
)

// Kernels of rows do in one launch what is to be done to many tensors, such as the update of every parameter: a program
// joins the steps of one entry that follow each other into a table (kernels/rows.h), a row each.
const (
	rowBlocks     = 4    // of a launch, on each multiprocessor
	pieceElements = 2048 // of a row, that a block does at a time
)

// Joins says that updates that follow each other are one launch.
func (d *device) Joins(o op.Updater) bool {
	switch o.(type) {
	case op.SGD, op.EMA:
		return true
	}
	return false
}

// row adds a step over n elements of which the entry's table has a row: args, of 8 bytes each, behind where the row
// ends and n.
func (b *builder) row(entry string, n int, args ...any) {
	s := b.call(entry, args)
	if b.failure != nil {
		return
	}
	s.elements = int64(n)
	if has, want := 8*(2+len(args)), agreed[entry+"_row"]; has != want {
		b.fail("launch %v: a row of %d bytes, and the kernel's has %d", &s, has, want)
		return
	}
	b.k.steps = append(b.k.steps, s)
}

// joined is a launch in the making, of rows that follow each other in a program.
type joined struct {
	sequence *sequence // that it goes to
	step     *step     // of the first row
	rows     [][]uint64
	labels   []string
	commands []int
	elements []int64
	wrote    []extent
	read     []extent
}

// extent is a range of addresses.
type extent struct{ begin, end cu.DevicePtr }

func (e extent) meets(all []extent) bool {
	return slices.ContainsFunc(all, func(o extent) bool { return e.begin < o.end && o.begin < e.end })
}

// take adds a row, unless it is another entry's, or what it writes or reads meets what a row before it does: the rows
// of a launch are in no order.
func (j *joined) take(s *step, at func(operand) cu.DevicePtr, label string, command int) bool {
	if s.function != j.step.function {
		return false
	}
	var row []uint64
	var wrote, read []extent
	for _, a := range s.args {
		value := a.word()
		if a.pointer {
			p := at(a.operand)
			value = uint64(p)
			e := extent{p, p + cu.DevicePtr(a.operand.bytes)}
			if a.operand.space == inputs {
				read = append(read, e)
			} else if a.operand.space != none {
				wrote = append(wrote, e)
			}
		}
		row = append(row, value)
	}
	for _, e := range wrote {
		if e.meets(j.wrote) || e.meets(j.read) {
			return false
		}
	}
	for _, e := range read {
		if e.meets(j.wrote) {
			return false
		}
	}
	j.rows, j.labels = append(j.rows, row), append(j.labels, label)
	j.commands, j.elements = append(j.commands, command), append(j.elements, s.elements)
	j.wrote, j.read = append(j.wrote, wrote...), append(j.read, read...)
	return true
}

// table is the bytes of the rows, and how many pieces they have.
func (j *joined) table() (table []byte, pieces int64) {
	for i, row := range j.rows {
		pieces += (j.elements[i] + pieceElements - 1) / pieceElements
		table = binary.LittleEndian.AppendUint64(table, uint64(pieces))
		table = binary.LittleEndian.AppendUint64(table, uint64(j.elements[i]))
		for _, value := range row {
			table = binary.LittleEndian.AppendUint64(table, value)
		}
	}
	return table, pieces
}

// settle ends the launch that is in the making, if there is one: its table goes to the device, to stay there as long
// as the program.
func (p *program) settle() error {
	j := p.joined
	if j == nil {
		return nil
	}
	p.joined = nil
	bytes, pieces := j.table()
	table, err := p.on.tableOf(string(bytes))
	if err != nil {
		return fmt.Errorf("table of %s: %w", j.step.name, err)
	}
	p.owned = append(p.owned, table)
	p.bytes += table.bytes
	launch := step{kind: stepLaunch, name: j.step.name, function: j.step.function}
	for _, v := range []any{uint64(table.at), int32(len(j.rows)), pieces} {
		arg, err := argumentOf(v)
		if err != nil {
			return err
		}
		launch.args = append(launch.args, arg)
	}
	launch.args[0].text = fmt.Sprintf("table of %d bytes", len(bytes))
	launch.args[1].text = fmt.Sprintf("%d rows, the first %v", len(j.rows), j.step)
	blocks := min(max(1, pieces), int64(rowBlocks*p.on.limits.units))
	launch.grid, launch.block = dims{x: int(blocks)}.triple(), dims{x: launch.function.entry.MaxThreads}.triple()
	label := j.labels[0]
	if last := len(j.labels) - 1; last > 0 {
		label += " to " + j.labels[last]
	}
	if err := launch.check(p.on.limits); err != nil {
		return fmt.Errorf("launch %v: %w", &launch, err)
	}
	j.sequence.add(&launch, nil, label)
	p.share(j)
	return nil
}

// share divides the time of a joined launch among its commands by their elements, as the kernel divides the work.
func (p *program) share(j *joined) {
	if p.stamps == nil {
		return
	}
	all := int64(0)
	for _, n := range j.elements {
		all += n
	}
	for i, c := range j.commands {
		p.stamps[c].of, p.stamps[c].share = j.commands[0], float64(j.elements[i])/float64(max(1, all))
	}
}

// rowTable is a table in memory of its own. Programs of the same rows, as one that runs and the same one profiled, have
// one table: their launches follow each other.
type rowTable struct {
	memory
	text  string
	users int
}

// tableOf puts a table on the device, where it is not there yet; on the worker's thread.
func (d *device) tableOf(text string) (_ *rowTable, err error) {
	if t := d.tables[text]; t != nil {
		t.users++
		return t, nil
	}
	host, err := pinned(int64(len(text)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unpin(host)) }()
	copy(host, text)
	t := &rowTable{memory{owner: d, bytes: aligned(int64(len(text)))}, text, 1}
	if t.at, err = cu.MemAlloc(t.bytes); err != nil {
		return nil, fmt.Errorf("cuMemAlloc of %d bytes: %w", t.bytes, err)
	}
	d.live[&t.memory], d.tables[text] = true, t
	if err := cu.MemcpyHtoDAsync(t.at, bufferAt(host), int64(len(text)), d.compute); err != nil {
		return nil, errors.Join(fmt.Errorf("cuMemcpyHtoDAsync of %d bytes: %w", len(text), err), t.free())
	}
	if err := d.compute.Synchronize(); err != nil {
		return nil, errors.Join(fmt.Errorf("cuStreamSynchronize: %w", err), t.free())
	}
	return t, nil
}

// free runs on the device's thread.
func (t *rowTable) free() error {
	if t.users--; t.users > 0 {
		return nil
	}
	delete(t.owner.live, &t.memory)
	delete(t.owner.tables, t.text)
	if err := cu.MemFree(t.at); err != nil {
		return fmt.Errorf("cuMemFree: %w", err)
	}
	return nil
}
