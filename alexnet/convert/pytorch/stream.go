package pytorch

import (
	"encoding/binary"
	"errors"
	"fmt"

	"duet/alexnet/convert/foreign"
	"duet/alexnet/convert/pickle"
	"duet/internal/invalid"
)

// streamVersion is the only one that PyTorch has written.
const streamVersion = 1001

// stream reads the pickles of a file of the old format, one behind the other.
type stream struct {
	f  *foreign.File
	at int64
}

// next reads one more.
func (r *stream) next(o pickle.Options) (any, error) {
	if r.at == r.f.Size {
		return nil, fmt.Errorf("byte %d: the file ends, want another pickle", r.at)
	}
	v, end, err := pickle.LoadAt(r.f, r.at, r.f.Size, o)
	r.at = end
	return v, err
}

// readStream reads the old format up to the storages, and where they are.
func readStream(f *foreign.File) (*storages, any, error) {
	r := &stream{f: f}
	if _, err := r.next(pickle.Options{}); err != nil { // the magic number
		return nil, nil, err
	}
	if v, err := r.next(pickle.Options{}); err != nil {
		return nil, nil, fmt.Errorf("the version: %w", err)
	} else if v != any(int64(streamVersion)) {
		return nil, nil, fmt.Errorf("version %s, want %d", pickle.Kind(v), streamVersion)
	}
	if _, err := r.next(pickle.Options{}); err != nil { // the sizes of C's types, which the storages do not have
		return nil, nil, fmt.Errorf("the system's types: %w", err)
	}
	s := &storages{byKey: map[string]*storage{}}
	v, err := r.next(pickle.Options{Globals: globals(), Persistent: s.streamed})
	if err != nil {
		return nil, nil, err
	}
	keys, err := r.next(pickle.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("the storages' keys: %w", err)
	}
	at, err := s.locate(f, r.at, keys)
	if err != nil {
		return nil, nil, err
	}
	s.load = func(from *storage) ([]byte, error) {
		place, ok := at[from.key]
		if !ok {
			return nil, errors.New("not in the file")
		}
		raw := make([]byte, from.size)
		_, err := f.ReadAt(raw, place)
		return raw, err
	}
	return s, v, nil
}

// streamed gives a storage. Views of storages, which PyTorch before 0.4 had, are refused.
func (s *storages) streamed(id any) (any, error) {
	from, view, err := s.storageID(id, 6, 5)
	if err != nil || view == nil {
		return from, err
	}
	return nil, fmt.Errorf("storage %s: %s as a view of it, want None", invalid.Short(from.key), pickle.Kind(view))
}

// locate finds the storages, which lie in the order of their keys from byte at on.
func (s *storages) locate(f *foreign.File, at int64, keys any) (map[string]int64, error) {
	list, ok := keys.(*pickle.List)
	if !ok {
		return nil, fmt.Errorf("%s for the storages' keys, want a list", pickle.Kind(keys))
	}
	places := make(map[string]int64, len(list.Items))
	for _, v := range list.Items {
		key, ok := v.(string)
		from := s.byKey[key]
		if _, twice := places[key]; !ok || from == nil || twice {
			return nil, fmt.Errorf("%s in the list of storages, want each one of the pickle's once", pickle.Kind(v))
		}
		var count [8]byte
		if f.Size-at < int64(len(count)) {
			return nil, fmt.Errorf("byte %d: storage %s: the file ends, want its length", at, invalid.Short(key))
		}
		if _, err := f.ReadAt(count[:], at); err != nil {
			return nil, err
		}
		at += int64(len(count))
		n := binary.LittleEndian.Uint64(count[:])
		switch {
		case n != uint64(from.elements):
			return nil, fmt.Errorf("byte %d: storage %s: %d elements, want the %d of the pickle",
				at-8, invalid.Short(key), n, from.elements)
		case from.size > f.Size-at:
			return nil, fmt.Errorf("byte %d: storage %s: %d bytes, want at most the %d that are left",
				at, invalid.Short(key), from.size, f.Size-at)
		}
		places[key] = at
		at += from.size
	}
	return places, nil
}
