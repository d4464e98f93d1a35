package conformance

import (
	"math/rand"
	"slices"
	"testing"
	"time"

	"duet/engine/backend"
)

// limit ends a test that hangs.
const limit = 30 * time.Second

// within fails when f takes longer than the limit.
func within(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("still not done after %v", limit)
	}
}

// twoDevices passes a tensor to and fro between two devices that each add one. The first one adds another one when it
// is back: a launch that did not wait for the copy before it would be lost. Copies are made in turn with the launches,
// and beside them.
func (s *suite) twoDevices(t *testing.T) {
	t.Run("in turn", func(t *testing.T) { s.toAndFro(t, false) })
	t.Run("beside", func(t *testing.T) { s.toAndFro(t, true) })
}

func (s *suite) toAndFro(t *testing.T, beside bool) {
	for _, seed := range []int64{1, 2, 3} {
		a, b := newCounter(t, s.device(t)), newCounter(t, s.device(t))
		there, back := event(t, a.d), event(t, b.d)
		// arriving is a copy that waits for events, and whatever follows it for the copy.
		arriving := func(c backend.Command, on ...backend.Event) (commands []backend.Command) {
			for _, e := range on {
				commands = append(commands, backend.Command{Kind: backend.Wait, Label: "for " + c.Label, Event: e, Beside: beside})
			}
			c.Kind, c.Beside = backend.Copy, beside
			commands = append(commands, c)
			if beside {
				arrived := event(t, map[string]backend.Device{"home": a.d, "away": b.d}[c.Label])
				commands = append(commands, backend.Command{Kind: backend.Signal, Label: c.Label, Event: arrived, Beside: true},
					backend.Command{Kind: backend.Wait, Label: c.Label + " arrived", Event: arrived})
			}
			return commands
		}
		programA := load(t, a.d, slices.Concat([]backend.Command{
			a.step,
			{Kind: backend.Signal, Label: "there", Event: there},
		}, arriving(backend.Command{Label: "home", From: b.d, Src: b.sum, Dst: a.sum}, back), []backend.Command{a.step})...)
		programB := load(t, b.d, slices.Concat(
			arriving(backend.Command{Label: "away", From: a.d, Src: a.sum, Dst: b.sum}, there),
			[]backend.Command{b.step, {Kind: backend.Signal, Label: "back", Event: back}})...)
		random := rand.New(rand.NewSource(seed))
		const rounds = 80 // 240 and less are exact in bf16
		pause := func() {
			if random.Intn(8) == 0 {
				time.Sleep(time.Duration(random.Intn(300)) * time.Microsecond)
			}
		}
		within(t, func() {
			for range rounds {
				first, second := programA, programB
				if random.Intn(2) == 0 {
					first, second = second, first
				}
				first.Start()
				pause()
				second.Start()
				pause()
			}
			a.expect(t, 3*rounds)
			b.expect(t, 3*rounds-1)
		})
		for _, p := range []backend.Program{programA, programB} {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func event(t testing.TB, d backend.Device) backend.Event {
	t.Helper()
	e, err := d.NewEvent()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func load(t testing.TB, d backend.Device, commands ...backend.Command) backend.Program {
	t.Helper()
	p, err := d.Load(commands, backend.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// closing checks that a closed device refuses everything, and that closing waits for what is enqueued.
func (s *suite) closing(t *testing.T) {
	d := s.open(t)
	c := newCounter(t, d)
	p := load(t, d, c.step)
	for range 10 {
		p.Start()
	}
	if err := d.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	_, allocErr := d.Alloc(16)
	_, loadErr := d.Load(nil, backend.LoadOptions{})
	_, eventErr := d.NewEvent()
	for what, err := range map[string]error{
		"alloc": allocErr, "load": loadErr, "new event": eventErr, "sync": d.Sync(),
		"upload":   backend.Write(d, c.sum, c.layout, make([]float32, c.length)),
		"download": d.Download(make([]float32, c.length), c.sum, c.layout),
	} {
		if err == nil {
			t.Errorf("%s after close: no error", what)
		}
	}
	if err := d.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// faults checks that the first error sticks, and that a failure releases the devices that wait for it.
func (s *suite) faults(t *testing.T) {
	a, b := newCounter(t, s.device(t)), newCounter(t, s.device(t))
	never := event(t, a.d)
	broken := load(t, a.d,
		backend.Command{Kind: backend.Launch, Label: "broken", Kernel: s.Fault(t, a.d)},
		backend.Command{Kind: backend.Signal, Label: "never", Event: never},
	)
	waiting := load(t, b.d, backend.Command{Kind: backend.Wait, Label: "never", Event: never}, b.step)
	within(t, func() {
		waiting.Start()
		broken.Start()
		errA, errB := a.d.Sync(), b.d.Sync()
		if errA == nil || errB == nil {
			t.Errorf("sync after a failure: %v and %v, want errors of both", errA, errB)
		}
		if again := a.d.Sync(); errA != nil && (again == nil || again.Error() != errA.Error()) {
			t.Errorf("second sync: %v, want %v", again, errA)
		}
		if err := a.d.Download(make([]float32, a.length), a.sum, a.layout); err == nil {
			t.Error("download after a failure: no error")
		}
	})
}
