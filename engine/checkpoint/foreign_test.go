package checkpoint_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duet/engine/checkpoint"
)

// TestForeignFiles: what is taken for a checkpoint by mistake is named.
func TestForeignFiles(t *testing.T) {
	made := func(make func(b *bytes.Buffer) error) string {
		var b bytes.Buffer
		if err := make(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	picture := image.NewGray(image.Rect(0, 0, 3, 3))
	zipped := made(func(b *bytes.Buffer) error {
		z := zip.NewWriter(b)
		w, err := z.Create("archive/data.pkl")
		if err == nil {
			_, err = w.Write([]byte("\x80\x02}q\x00."))
		}
		return errors.Join(err, z.Close())
	})
	archive := made(func(b *bytes.Buffer) error {
		w := tar.NewWriter(b)
		return errors.Join(w.WriteHeader(&tar.Header{Name: "a", Mode: 0o644}), w.Close())
	})
	for _, c := range []struct{ name, text, says string }{
		{"torch.pth", zipped, "torch.save"},
		{"empty.zip", made(func(b *bytes.Buffer) error { return zip.NewWriter(b).Close() }), "empty zip"},
		{"old.pth", "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "torch.save"},
		{"weights.pkl", "\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94.", "pickle"},
		{"keras.h5", "\x89HDF\r\n\x1a\n\x00\x00\x00\x00\x00\x08\x08\x00", "HDF5"},
		{"mean.npy", "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "NumPy"},
		{"llama.gguf", "GGUF\x03\x00\x00\x00\x01\x00\x00\x00", "GGUF"},
		{"pointer",
			"version https://git-lfs.github.com/spec/v1\noid " +
				"sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n", "git lfs pull"},
		{"a.gz", made(func(b *bytes.Buffer) error {
			z := gzip.NewWriter(b)
			_, err := z.Write([]byte("something"))
			return errors.Join(err, z.Close())
		}), "gzip"},
		{"a.tar", archive, "tar archive"},
		{"cut.tar", archive[:262], "tar archive"}, // up to what says that it is one
		{"a.xz", "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F", "xz"},
		{"a.zst", "\x28\xb5\x2f\xfd\x04\x58\x49\x00\x00\x00", "zstd"},
		{"a.png", made(func(b *bytes.Buffer) error { return png.Encode(b, picture) }), "PNG"},
		{"a.jpg", made(func(b *bytes.Buffer) error { return jpeg.Encode(b, picture, nil) }), "JPEG"},
		{"a.pdf", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"},
		{"page", "<!DOCTYPE html>\n<html><head><title>404</title></head></html>", "web page"},
		{"page2", "\ufeff\r\n  <HTML lang=en>Sign in</HTML>", "web page"},
		{"feed", `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`, "XML"},
		{"metrics.jsonl", `{"step":1,"epoch":0.01,"loss":2.3}` + "\n", "JSON"},
		{"config.toml", "[network]\nname = \"größer\"\n", "a text"},
		// the last of the bytes that are looked at is half a character
		{"long.txt", strings.Repeat("ä", 5000) + "b", "a text"},
		{"zeros", strings.Repeat("\x00", 10000), "zero bytes"},
		{"a program", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00", "program"},
		{"empty", "", "an empty file"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := checkpoint.Load(path)
		_, metaErr := checkpoint.ReadMeta(path)
		_, tensorsErr := checkpoint.LoadTensors(path)
		for _, err := range []error{err, metaErr, tensorsErr} {
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) ||
				!errors.Is(err, checkpoint.ErrForeign) && !errors.Is(err, checkpoint.ErrDamaged) ||
				strings.Contains(err.Error(), "header length") {
				t.Errorf("%s: %v, want %q", c.name, err, c.says)
			}
		}
	}
}

// TestBest: a folder's best checkpoint, else its newest; nothing of a run that saves there is touched.
func TestBest(t *testing.T) {
	dir := t.TempDir()
	if _, err := checkpoint.Best(dir); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("of an empty folder: %v", err)
	}
	if _, err := checkpoint.Best(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of no folder: %v", err)
	}
	for _, name := range []string{"step-00000009.safetensors", "step-00000010.safetensors",
		".step-00000011.safetensors.12.tmp", "best.safetensors"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		want := "step-00000010.safetensors"
		if name == "step-00000009.safetensors" || name == "best.safetensors" {
			want = name
		}
		if got, err := checkpoint.Best(dir); err != nil || filepath.Base(got) != want {
			t.Errorf("after %s: %s, %v", name, got, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 4 {
		t.Errorf("%v, %v", left, err)
	}
}
