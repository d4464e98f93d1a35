package backend_test

import (
	"errors"
	"slices"
	"testing"

	"duet/engine/backend"
)

// mute is a device that does not lend.
type mute struct {
	backend.Device
	got any
}

func (m *mute) Name() string { return "mute:0" }

func (m *mute) Upload(_ backend.Buffer, _ backend.Layout, host any) error {
	m.got = host
	return nil
}

// lender is one that does.
type lender struct{ mute }

func (l *lender) Lend(bytes int64) (*backend.Lent, error) {
	return backend.NewLent(make([]uint8, bytes), l, nil), nil
}

// reading notes in a list that it was waited for.
type reading struct {
	name  string
	err   error
	waits *[]string
}

func (r reading) Wait() error {
	*r.waits = append(*r.waits, r.name)
	return r.err
}

func TestWaitWaitsForEachUploadOnce(t *testing.T) {
	var waits []string
	broken := errors.New("broken on purpose")
	l := backend.NewLent(make([]uint8, 4), nil, func() error { waits = append(waits, "give back"); return nil })
	reads := func(name string, err error) {
		t.Helper()
		if err := l.Reads(reading{name, err, &waits}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, err, wantErr error, want ...string) {
		t.Helper()
		if !errors.Is(err, wantErr) || !slices.Equal(waits, want) {
			t.Errorf("%s: error %v after %q, want %v after %q", what, err, waits, wantErr, want)
		}
		waits = nil
	}
	check("wait without an upload", l.Wait(), nil)
	reads("a", nil)
	reads("b", broken)
	reads("c", errors.New("another"))
	check("wait for three", l.Wait(), broken, "a", "b", "c")
	check("wait again", l.Wait(), nil)
	reads("d", broken)
	check("close", l.Close(), broken, "d", "give back")
	check("close again", l.Close(), nil)
	check("wait after close", l.Wait(), nil)
	check("an upload after close", l.Reads(reading{}), backend.ErrGivenBack)
	if _, err := l.Array(); !errors.Is(err, backend.ErrGivenBack) || l.Data != nil {
		t.Errorf("after close: error %v, want %v; %d bytes, want none", err, backend.ErrGivenBack, len(l.Data))
	}
}

func TestUploadGivesAnArrayToADeviceThatDoesNotLend(t *testing.T) {
	l := backend.NewLent([]uint8{1, 2, 3}, nil, nil)
	d, lends := &mute{}, &lender{}
	for _, to := range []backend.Device{d, lends} {
		if err := backend.Upload(to, backend.Buffer{}, nil, l); err != nil {
			t.Fatal(err)
		}
	}
	if got, is := d.got.([]uint8); !is || &got[0] != &l.Data[0] {
		t.Errorf("got %v, want the lent bytes as an array", d.got)
	}
	if lends.got != l {
		t.Errorf("a lender got %v, want the Lent", lends.got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := backend.Upload(d, backend.Buffer{}, nil, l); !errors.Is(err, backend.ErrGivenBack) {
		t.Errorf("upload after Close: %v, want %v", err, backend.ErrGivenBack)
	}
}
