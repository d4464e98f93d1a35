package reference

import (
	"duet/engine/backend"
	"duet/engine/backend/worker"
	"duet/engine/op"
)

// Upload copies the array to the buffer when its turn comes.
func (d *device) Upload(dst backend.Buffer, l backend.Layout, src backend.Array) (backend.Transfer, error) {
	if _, err := d.own(l); err != nil {
		return backend.Transfer{}, d.Errorf("upload", err)
	}
	return d.Host.Upload(dst, l.(worker.Filler), src)
}

// Download waits for everything enqueued.
func (d *device) Download(host any, src backend.Buffer, l backend.Layout) error {
	mine, data, to, err := d.transfer(host, src, l)
	if err != nil {
		return d.Errorf("download", err)
	}
	if err := d.Sync(); err != nil {
		return err
	}
	mine.convert(data, to, false)
	return nil
}

func (d *device) transfer(host any, b backend.Buffer, l backend.Layout) (mine layout, data []byte, a backend.Array,
	err error) {
	if mine, err = d.own(l); err != nil {
		return mine, nil, a, err
	}
	if data, err = d.Room(b, mine.Bytes()); err != nil {
		return mine, nil, a, err
	}
	if a, err = backend.ArrayOf(host); err == nil {
		err = mine.Takes(a)
	}
	return mine, data, a, err
}

// Takes says what is wrong with an array for the tensor: real numbers are float32 and, on a device of fp64, float64
// too.
func (l layout) Takes(a backend.Array) error {
	var fits bool
	switch {
	case l.dtype == op.Uint8:
		fits = a.Is(l.len, backend.Uint8)
	case l.dtype == op.Int32:
		fits = a.Is(l.len, backend.Int32)
	case l.dtype == op.Uint32:
		fits = a.Is(l.len, backend.Uint32)
	case l.wide:
		fits = a.Is(l.len, backend.Float32, backend.Float64)
	default:
		fits = a.Is(l.len, backend.Float32)
	}
	if !fits {
		return a.Unfit(l, l.len)
	}
	return nil
}

// Fill copies an array to a tensor.
func (l layout) Fill(dst []byte, a backend.Array) error {
	l.convert(dst, a, true)
	return nil
}

// convert copies between memory of a tensor and an array that it takes.
func (l layout) convert(data []byte, a backend.Array, up bool) {
	switch n := l.len; {
	case l.wide && a.Element == backend.Float32:
		cast(elements[float64](data, n), elements[float32](a.Data, n), up)
	case up:
		copy(data, a.Data)
	default:
		copy(a.Data, data)
	}
}

func cast(device []float64, host []float32, up bool) {
	if up {
		for i, v := range host {
			device[i] = float64(v)
		}
		return
	}
	for i, v := range device {
		host[i] = float32(v)
	}
}
