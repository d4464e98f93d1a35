package source_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"testing"

	"duet/dataloader/source"
	"duet/dataloader/source/mini"
)

// many is a source of 20,000 files of 4 KiB in 100 classes.
func many() mini.Files {
	f := mini.Files{}
	data := bytes.Repeat([]byte("\xff\xd8\xff not much of an image"), 200)[:4096]
	for k := range 20_000 {
		f[fmt.Sprintf("class%03d/image%06d.jpg", k%100, k)] = data
	}
	return f
}

func BenchmarkContainers(b *testing.B) {
	f := many()
	for _, c := range []struct{ name, path string }{{"folder", f.Folder(b)}, {"tar", f.Tar(b, "a.tar")},
		{"tar.gz", f.Tar(b, "a.tar.gz")}, {"zip", f.Zip(b, "a.zip", zip.Deflate)}} {
		s, err := source.Open([]string{c.path}, source.Options{})
		check(b, err)
		b.Run("list/"+c.name, func(b *testing.B) {
			for b.Loop() {
				_, err := s.List(context.Background(), nil)
				check(b, err)
			}
			b.ReportMetric(float64(len(f))*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
		b.Run("read/"+c.name, func(b *testing.B) {
			buf := make([]byte, 0, 8192)
			for b.Loop() {
				check(b, s.Read(context.Background(), nil, func(_ int, fetch source.Fetch) error {
					_, err := fetch(buf)
					return err
				}))
			}
			b.ReportMetric(float64(len(f))*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
		s.Close()
	}
}
