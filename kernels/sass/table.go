package main

import (
	"fmt"
	"slices"
	"strings"
)

// row is a kernel, and what it is like on each of the cards.
type row struct {
	kernel string
	on     []*quality // nil where it does not use them on that card
}

// gather adds what kernels are like on card number i.
func gather(rows []row, kernels []*kernel, i int) ([]row, error) {
	for _, k := range kernels {
		q, err := cards[i].measure(k)
		if err != nil {
			return nil, err
		}
		if q == nil {
			continue
		}
		at := slices.IndexFunc(rows, func(r row) bool { return r.kernel == k.name })
		if at < 0 {
			at = len(rows)
			rows = append(rows, row{k.name, make([]*quality, len(cards))})
		}
		rows[at].on[i] = q
	}
	return rows, nil
}

// format is the table in Markdown: for each kernel a value for each card, or one where they agree.
func format(rows []row) string {
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.kernel, b.kernel) })
	var b strings.Builder
	b.WriteString("| kernel | HMMA in the loop | instructions for each | LDSM | LDG | copies of 16 bytes | local | " +
		"issue allows | shared memory allows |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		b.WriteString("| " + r.kernel)
		for _, f := range []func(q *quality) string{
			func(q *quality) string { return fmt.Sprint(q.products) },
			func(q *quality) string { return fmt.Sprintf("%.1f", float64(q.instructions)/float64(q.products)) },
			func(q *quality) string { return fmt.Sprint(q.matrices) },
			func(q *quality) string { return fmt.Sprint(q.gathers) },
			func(q *quality) string { return fmt.Sprintf("%d of %d", q.wide, q.copies) },
			func(q *quality) string { return fmt.Sprint(q.local) },
			func(q *quality) string { return fmt.Sprintf("%.0f %%", 100*q.issue()) },
			func(q *quality) string { return fmt.Sprintf("%.0f %%", 100*q.memory()) },
		} {
			b.WriteString(" | " + r.cell(f))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func (r row) cell(f func(q *quality) string) string {
	var values []string
	for _, q := range r.on {
		value := "none"
		if q != nil {
			value = f(q)
		}
		values = append(values, value)
	}
	return strings.Join(slices.Compact(values), " / ")
}
