package metrics

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"duet/internal/disk"
)

// Log is the run's log: log.txt, one line for each event with its time, for reading afterwards. Events of level Info
// and above are also printed, without the time, on the console; Debug is for the file alone.
type Log struct {
	*slog.Logger
	file *os.File
}

// OpenLog opens a log file, after what it has already, and copies to console: a Console, os.Stderr, or nil for none.
func OpenLog(path string, console io.Writer) (*Log, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	handlers := []slog.Handler{slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug})}
	if console != nil {
		handlers = append(handlers, newPlainHandler(console))
	}
	return &Log{Logger: slog.New(slog.NewMultiHandler(handlers...)), file: file}, nil
}

// Close syncs and closes the file. The Logger must not be used after it.
func (l *Log) Close() error {
	if err := disk.Sync(l.file); err != nil {
		l.file.Close()
		return fmt.Errorf("log: %w", err)
	}
	return l.file.Close()
}

// plainHandler prints events for people: "saved checkpoint step=1200", with "warning: " or "error: " where it is one.
type plainHandler struct {
	shared *plainOutput
	fields slog.Handler // writes the attributes, and nothing else, to shared.buf
}

type plainOutput struct {
	mu  sync.Mutex
	w   io.Writer
	buf bytes.Buffer
}

func newPlainHandler(w io.Writer) *plainHandler {
	out := &plainOutput{w: w}
	// A record without a time has none in the text either; level and message are dropped by their empty keys.
	drop := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.LevelKey && a.Value.Kind() == slog.KindAny || a.Key == slog.MessageKey &&
			a.Value.String() == "") {
			return slog.Attr{}
		}
		return a
	}
	return &plainHandler{shared: out, fields: slog.NewTextHandler(&out.buf, &slog.HandlerOptions{ReplaceAttr: drop})}
}

func (h *plainHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

func (h *plainHandler) Handle(ctx context.Context, r slog.Record) error {
	bare := slog.NewRecord(time.Time{}, r.Level, "", 0)
	r.Attrs(func(a slog.Attr) bool { bare.AddAttrs(a); return true })
	out := h.shared
	out.mu.Lock()
	defer out.mu.Unlock()
	out.buf.Reset()
	switch {
	case r.Level >= slog.LevelError:
		out.buf.WriteString("error: ")
	case r.Level >= slog.LevelWarn:
		out.buf.WriteString("warning: ")
	}
	out.buf.WriteString(r.Message)
	out.buf.WriteByte(' ')
	if err := h.fields.Handle(ctx, bare); err != nil {
		return err
	}
	_, err := out.w.Write(append(bytes.TrimRight(out.buf.Bytes(), " \n"), '\n'))
	return err
}

func (h *plainHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &plainHandler{shared: h.shared, fields: h.fields.WithAttrs(attrs)}
}

func (h *plainHandler) WithGroup(name string) slog.Handler {
	return &plainHandler{shared: h.shared, fields: h.fields.WithGroup(name)}
}
