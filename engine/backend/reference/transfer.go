package reference

import (
	"fmt"

	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// Upload copies the host array aside at once and to the buffer when its turn comes; lent memory only then.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, host any) error {
	mine, data, err := d.transfer(dst, l)
	if err != nil {
		return d.Errorf("upload", err)
	}
	staged, err := d.stage(mine, len(data), host)
	if err != nil {
		return d.Errorf("upload", err)
	}
	staged.Use = upload{d, staged, data}
	d.Start(&staged.Use)
	return nil
}

func (d *device) stage(l layout, bytes int, host any) (*worker.Staged[upload], error) {
	if lent, is := host.(*backend.Lent); is {
		if err := takes(l, lent); err != nil {
			return nil, err
		}
		return d.staging.Borrow(lent)
	}
	staged := d.staging.Take(bytes)
	if err := convert(staged.Data, l, host, true); err != nil {
		d.staging.Give(staged)
		return nil, err
	}
	return staged, nil
}

// takes checks that lent memory has the elements of a layout.
func takes(l layout, lent *backend.Lent) error {
	if _, err := lent.Array(); err != nil {
		return err
	}
	if l.dtype != op.Uint8 || len(lent.Data) != l.len {
		return mismatch(lent.Data, len(lent.Data), l)
	}
	return nil
}

// upload is the second half of an Upload, when its turn comes.
type upload struct {
	on     *device
	staged *worker.Staged[upload]
	dst    []byte
}

func (u *upload) Run() error {
	copy(u.dst, u.staged.Data)
	u.on.staging.Give(u.staged)
	return nil
}

// Download waits for everything enqueued.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, data, err := d.transfer(src, l)
	if err != nil {
		return d.Errorf("download", err)
	}
	if err := d.Sync(); err != nil {
		return err
	}
	if err := convert(data, mine, host, false); err != nil {
		return d.Errorf("download", err)
	}
	return nil
}

func (d *device) transfer(b backend.Buffer, l backend.Layout) (layout, []byte, error) {
	mine, err := d.own(l)
	if err != nil {
		return layout{}, nil, err
	}
	data, err := d.Room(b, mine.Bytes())
	return mine, data, err
}

// convert copies between memory in a layout and a host array of the layout's elements.
func convert(data []byte, l layout, host any, up bool) error {
	n, wanted := 0, l.dtype
	switch h := host.(type) {
	case []float32:
		n = len(h)
		if n == l.len && wanted == op.Float {
			if l.wide {
				cast(elements[float64](data, n), h, up)
			} else {
				cast(elements[float32](data, n), h, up)
			}
			return nil
		}
	case []float64:
		n = len(h)
		if n == l.len && wanted == op.Float && l.wide {
			cast(elements[float64](data, n), h, up)
			return nil
		}
	case []uint8:
		n = len(h)
		if n == l.len && wanted == op.Uint8 {
			cast(data, h, up)
			return nil
		}
	case []int32:
		n = len(h)
		if n == l.len && wanted == op.Int32 {
			cast(elements[int32](data, n), h, up)
			return nil
		}
	case []uint32:
		n = len(h)
		if n == l.len && wanted == op.Uint32 {
			cast(elements[uint32](data, n), h, up)
			return nil
		}
	}
	return mismatch(host, n, l)
}

func mismatch(host any, n int, l layout) error {
	return fmt.Errorf("host array %T of %d elements for %v", host, n, l)
}

func cast[D, H uint8 | int32 | uint32 | float32 | float64](device []D, host []H, up bool) {
	if up {
		for i, v := range host {
			device[i] = D(v)
		}
		return
	}
	for i, v := range device {
		host[i] = H(v)
	}
}
