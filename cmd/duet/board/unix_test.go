//go:build unix

package board

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipes: what would wait for a writer is not opened.
func TestPipes(t *testing.T) {
	b := newTester(t)
	b.begin("a")
	for _, file := range []string{"a/metrics.jsonl", "a/log.txt", "a/.lock"} {
		b.check(syscall.Mkfifo(filepath.Join(b.dir, file), 0o666))
	}
	b.begin("b")
	b.check(syscall.Mkfifo(filepath.Join(b.dir, "pipe"), 0o666))
	b.get("/", ">a</button>", ">b</button>", "a/metrics.jsonl: not a file")
}
