package foreign_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"duet/alexnet/convert/foreign"
)

// open makes a file.
func open(t *testing.T, content string) *foreign.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := foreign.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestTake: all arrays together have one account.
func TestTake(t *testing.T) {
	f := open(t, strings.Repeat("x", 100)) // 400 numbers
	for _, c := range []struct {
		shape []int64
		count int
		err   string
	}{
		{[]int64{10, 20}, 200, ""},
		{[]int64{10, 20}, 0, "shape [10 20]: too much, want at most 400 numbers in all arrays of a file of 100 bytes"},
		{[]int64{100}, 100, ""},
		{[]int64{0}, 0, ""},
		{[]int64{0}, 0, ""},
		{[]int64{0}, 0, "too much"}, // for its description
		{[]int64{1 << 40}, 0, "want at most 1048576 elements"},
	} {
		shape, count, err := f.Take("a", c.shape)
		if count != c.count || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) ||
			err == nil && len(shape) != len(c.shape) {
			t.Errorf("%v: %v, %d, %v, want %d, %s", c.shape, shape, count, err, c.count, c.err)
		}
	}
}

func TestNotThis(t *testing.T) {
	for head, want := range map[string]string{
		"PK\x05\x06":   "a zip archive, want weights: unknown format",
		"\x1f\x8b\x08": "a gzip file, want weights: unknown format",
		"version https://git-lfs.github.com/spec": "a pointer of git-lfs in the place of the file, want weights: " +
			"unknown format",
		"\x1b[2J and more": `begins with "\x1b[2J and", want weights: unknown format`,
		"":                 `begins with "", want weights: unknown format`,
	} {
		if err := foreign.NotThis([]byte(head), "weights"); err.Error() != want || !errors.Is(err, foreign.ErrUnknown) {
			t.Errorf("%q: %v, want %s", head, err, want)
		}
	}
}

func TestHead(t *testing.T) {
	f := open(t, "content")
	for n, want := range map[int64]string{3: "con", 100: "content"} {
		if got, err := f.Head(n); err != nil || string(got) != want {
			t.Errorf("%d: %q, %v, want %s", n, got, err, want)
		}
	}
}

// archive writes members of so many bytes in turn; method 0 stores them.
func archive(t *testing.T, method uint16, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, "content of "+name)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// patched changes numbers in the directory's first entry. Source of the offsets: PKWARE's APPNOTE, section 4.3.12.
func patched(file string, at int, bytes ...byte) string {
	entry := strings.Index(file, "PK\x01\x02")
	b := []byte(file)
	copy(b[entry+at:], bytes)
	return string(b)
}

const flags, method, checksum, compressed, uncompressed = 8, 10, 16, 20, 24

func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func TestZip(t *testing.T) {
	for _, how := range []uint16{zip.Store, zip.Deflate} {
		z, err := foreign.OpenZip(open(t, archive(t, how, "b", "a", "c/d")))
		if err != nil {
			t.Fatal(err)
		}
		if names := strings.Join(z.Names(), " "); names != "b a c/d" {
			t.Errorf("members %s", names)
		}
		for _, name := range z.Names() {
			size, ok := z.Size(name)
			b, err := z.Bytes(name)
			if want := "content of " + name; err != nil || string(b) != want || !ok || size != int64(len(want)) {
				t.Errorf("%s: %q, %d, %v", name, b, size, err)
			}
		}
		if size, ok := z.Size("e"); ok {
			t.Errorf("e: %d bytes", size)
		}
		if _, err := z.Bytes("e\n"); err == nil || err.Error() != `member e\n: not in the archive` {
			t.Errorf("e: %v", err)
		}
	}
}

// TestZipRefused: an archive that lies is refused when it is opened or its member is read.
func TestZipRefused(t *testing.T) {
	stored, deflated := archive(t, zip.Store, "a"), archive(t, zip.Deflate, "a")
	many := make([]string, 1<<16+1)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for _, c := range []struct{ name, file, want string }{
		{"no archive", "PK\x03\x04", "the archive: zip: not a valid zip file"},
		{"two of a name", archive(t, zip.Store, "a", "a"), "member a: there are two, want one"},
		{"encrypted", patched(stored, flags, 1), "member a: encrypted, want it plain"},
		{"bzip2", patched(stored, method, 12), "member a: compression 12, want stored or deflated"},
		{"stored, but longer", patched(stored, uncompressed, u32(20)...), "stored, but 12 bytes for 20, want as many"},
		{"4 GB", patched(deflated, uncompressed, u32(1<<32-2)...), "unpacks to 4294967294 bytes, want at most"},
		{"behind the end", patched(patched(stored, uncompressed, u32(1000)...), compressed, u32(1000)...), "member a: "},
		{"too long", patched(deflated, uncompressed, u32(11)...), "member a: zip: not a valid zip file"},
		{"too short", patched(deflated, uncompressed, u32(13)...), "does not unpack to the 13 bytes that the directory says"},
		{"another checksum", patched(stored, checksum, 1, 2, 3, 4), "member a: zip: checksum error"},
		{"a damaged local header", strings.Replace(stored, "PK\x03\x04", "PK\x03\x05", 1), "member a: zip: not a valid"},
		{"too many", archive(t, zip.Store, many...), "65537 members, want at most 65536"},
	} {
		z, err := foreign.OpenZip(open(t, c.file))
		if err == nil {
			var b []byte
			if b, err = z.Bytes("a"); err == nil {
				t.Errorf("%s: %q, want %s", c.name, b, c.want)
				continue
			}
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}
