package board

import (
	"fmt"
	"testing"
	"time"
)

// hundred is a board of a hundred runs of ten thousand steps.
func hundred(b *testing.B) *tester {
	t := newTester(b)
	text := steps(1, 10_000)
	for i := range 100 {
		name := fmt.Sprintf("run-%03d", i)
		t.begin(name, fmt.Sprintf("train.seed=%d", i))
		t.write(name, "metrics.jsonl", text)
	}
	return t
}

func all() (query string) {
	query = "?"
	for i := range 100 {
		query += fmt.Sprintf("run=run-%03d&", i)
	}
	return query
}

// BenchmarkFirst is the first page of a server that has read nothing yet.
func BenchmarkFirst(b *testing.B) {
	t := hundred(b)
	for what, query := range map[string]string{"newest": "", "all": all()} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				var err error
				t.Board, err = New(t.dir, Options{})
				t.check(err)
				t.web = t.Handler("127.0.0.1")
				t.get("/" + query)
			}
		})
	}
}

// BenchmarkUpdate is all that the page asks for after a step of one run: what the stream says, and its parts.
func BenchmarkUpdate(b *testing.B) {
	t := hundred(b)
	t.get("/")
	step := 10_000
	for what, query := range map[string]string{"newest": "", "all": all()} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				step++
				t.write("run-007", "metrics.jsonl", steps(step, step))
				b.StartTimer()
				t.state()
				t.Every = time.Hour // as within half a second
				for _, part := range parts {
					t.get("/part/" + part + query)
				}
				t.Every = time.Nanosecond
			}
		})
	}
}
