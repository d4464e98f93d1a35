package board

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var (
	//go:embed board.js
	script []byte
	//go:embed board.css
	styles []byte
)

// Serve answers at an address, whose host was named so, until ctx ends.
func (b *Board) Serve(ctx context.Context, at net.Listener, host string) error {
	streams, end := context.WithCancel(ctx) // the streams of events
	defer end()
	s := &http.Server{Handler: b.Handler(host), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return streams }}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(at) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(s.Shutdown(patient), s.Close())
}

// Handler is the board as a browser sees it. Host is that of the address that it is served at.
func (b *Board) Handler(host string) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil && r.Context().Err() == nil {
				b.refuse(w, err)
			}
		})
	}
	handle("GET /{$}", b.page)
	handle("GET /part/{part}", b.part)
	for _, k := range kinds {
		handle("GET /"+k.name+".png", b.servePicture(k))
	}
	handle("GET /maps.png", b.mapsPicture)
	handle("GET /metrics", b.prometheus)
	handle("GET /events", b.events)
	handle("POST /predict", b.predict)
	for path, content := range map[string][]byte{"/board.js": script, "/board.css": styles} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, path, time.Time{}, bytes.NewReader(content))
		})
	}
	return guard(host, mux)
}

// A refusal is an answer other than 200.
type refusal struct {
	status int
	error
}

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Errorf(format, args...)}
}

func (b *Board) refuse(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if r, is := errors.AsType[*refusal](err); is {
		status = r.status
	} else {
		b.Note(err.Error())
	}
	http.Error(w, err.Error(), status)
}

// guard lets nothing in but what was asked of this server by its own name, so that a page of another site, whose name
// may be made to mean this address, reads nothing; and lets the browser load nothing from elsewhere, nor run what the
// page itself says.
func guard(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !known(r.Host, host) {
			http.Error(w, fmt.Sprintf("host %q, want localhost or %s", r.Host, host), http.StatusForbidden)
			return
		}
		if origin := r.Header.Get("Origin"); r.Method == http.MethodPost && !sameOrigin(origin, r.Host) {
			http.Error(w, fmt.Sprintf("origin %q, want http://%s", origin, r.Host), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// known says whether a request's Host is a name of a server at a host. Of one at every address of the machine all
// addresses are: no site can take them as its name.
func known(asked, host string) bool {
	if h, _, err := net.SplitHostPort(asked); err == nil {
		asked = h
	}
	asked = strings.Trim(asked, "[]")
	switch asked {
	case "localhost", "127.0.0.1", "::1", host:
		return asked != ""
	}
	return (host == "" || net.ParseIP(host).IsUnspecified()) && net.ParseIP(asked) != nil
}

func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == host && (u.Scheme == "http" || u.Scheme == "https")
}

// events is the stream that says that something has changed: each event's id names what is known, its data how many
// bytes of each run's metrics. Who comes back with the id of an event misses nothing, also of another process: if it
// still names what is known, there is nothing new; else there is an event.
func (b *Board) events(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	sent := r.Header.Get("Last-Event-ID")
	if sent == "" {
		sent = r.URL.Query().Get("id")
	}
	if _, err := fmt.Fprint(w, "retry: 1000\n\n"); err != nil {
		return nil
	}
	tick := time.NewTicker(b.Every)
	defer tick.Stop()
	for quiet := 0; ; quiet++ {
		id, positions := b.state()
		var err error
		switch {
		case id != sent:
			_, err = fmt.Fprintf(w, "id: %s\ndata: %s\n\n", id, positions)
			sent, quiet = id, 0
		case quiet%30 == 29: // is somebody there?
			_, err = fmt.Fprint(w, ": \n\n")
		}
		if err != nil || out.Flush() != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}
