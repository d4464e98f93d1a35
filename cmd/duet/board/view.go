package board

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"duet/engine/look"
)

// A view is what of the runs is looked at, as the page's address says it.
type view struct {
	Runs     []string // whose curves are drawn; nil: the newest
	Of       []string // measures
	By       string   // axis
	Smooth   float64
	From, To float64 // the part of the axis; all of it where To is not above From
	Show     string  // the run whose filters and log are shown; "": the one of which there is news
}

// newest is how many runs are drawn where none were chosen: as many as there are colours.
const newest = 8

// viewOf reads a page's address. Its error says what would be right.
func viewOf(q url.Values) (v view, err error) {
	v = view{Runs: q["run"], Of: q["of"], By: q.Get("by"), Show: q.Get("show")}
	if len(v.Of) == 0 {
		v.Of = []string{"loss", "error"}
	}
	for _, one := range v.Of {
		if !slices.Contains(look.Measures, one) {
			return v, fmt.Errorf("of=%q, want some of %s", one, strings.Join(look.Measures, ", "))
		}
	}
	slices.Sort(v.Of)
	v.Of = slices.Compact(v.Of)
	slices.SortFunc(v.Of, func(a, b string) int { return slices.Index(look.Measures, a) - slices.Index(look.Measures, b) })
	if v.By == "" {
		v.By = look.Axes[0]
	}
	if !slices.Contains(look.Axes, v.By) {
		return v, fmt.Errorf("by=%q, want one of %s", v.By, strings.Join(look.Axes, ", "))
	}
	for key, to := range map[string]*float64{"smooth": &v.Smooth, "from": &v.From, "to": &v.To} {
		given := q.Get(key)
		if given == "" {
			continue
		}
		if *to, err = strconv.ParseFloat(given, 64); err != nil || *to-*to != 0 {
			return v, fmt.Errorf("%s=%q, want a number", key, given)
		}
	}
	if v.Smooth < 0 || v.Smooth >= 1 {
		return v, fmt.Errorf("smooth=%v, want at least 0 and less than 1", v.Smooth)
	}
	return v, nil
}

// chosen are the runs whose curves a view draws, by name, and the one that it shows, nil where there is none. Callers
// hold b.mu.
func (b *Board) chosen(v view) (some []*run, shown *run) {
	latest := slices.Clone(b.runs)
	slices.SortStableFunc(latest, func(x, y *run) int { return y.Latest.Compare(x.Latest) })
	for i, r := range latest {
		if v.Runs == nil && i < newest || slices.Contains(v.Runs, r.Name) {
			some = append(some, r)
		}
	}
	slices.SortFunc(some, func(x, y *run) int { return strings.Compare(x.Name, y.Name) })
	if shown = b.find(v.Show); shown == nil && len(latest) > 0 {
		shown = latest[0]
	}
	return some, shown
}
