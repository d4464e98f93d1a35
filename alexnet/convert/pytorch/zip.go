package pytorch

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"duet/alexnet/convert/foreign"
	"duet/alexnet/convert/pickle"
	"duet/internal/invalid"
)

// freePickle is how long a pickle may be in a file that is shorter, if it is deflated.
const freePickle = 64 << 10

// readZip reads the archive's pickle.
func readZip(f *foreign.File) (*storages, any, error) {
	z, err := foreign.OpenZip(f)
	if err != nil {
		return nil, nil, err
	}
	folder, err := top(z)
	if err != nil {
		return nil, nil, err
	}
	s := &storages{byKey: map[string]*storage{}, load: func(from *storage) ([]byte, error) {
		return z.Bytes(folder + "data/" + from.key)
	}}
	if _, ok := z.Size(folder + "byteorder"); ok {
		order, err := z.Bytes(folder + "byteorder")
		switch {
		case err != nil:
			return nil, nil, err
		case string(order) != "little" && string(order) != "big":
			return nil, nil, fmt.Errorf("byteorder: \"%s\", want little or big", invalid.Short(string(order)))
		}
		s.swap = string(order) == "big"
	}
	// A pickle takes more memory than its bytes, so that it may not be as much larger than the file as numbers may.
	if size, _ := z.Size(folder + "data.pkl"); size > max(f.Size, freePickle) {
		return nil, nil, fmt.Errorf("data.pkl: unpacks to %d bytes, want at most %d in a file of %d",
			size, max(f.Size, freePickle), f.Size)
	}
	raw, err := z.Bytes(folder + "data.pkl")
	if err != nil {
		return nil, nil, err
	}
	v, err := pickle.Load(bytes.NewReader(raw), pickle.Options{
		Globals: globals(),
		Size:    int64(len(raw)),
		Persistent: func(id any) (any, error) {
			from, _, err := s.storageID(id, 5)
			if err != nil {
				return nil, err
			}
			size, ok := z.Size(folder + "data/" + from.key)
			switch {
			case !ok:
				return nil, fmt.Errorf("storage %s: not in the archive", invalid.Short(from.key))
			case size != from.size:
				return nil, fmt.Errorf("storage %s: %d bytes in the archive, want the %d of its %d elements",
					invalid.Short(from.key), size, from.size, from.elements)
			}
			return from, nil
		},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("data.pkl: %w", err)
	}
	return s, v, nil
}

// top is the folder in which data.pkl lies, with its slash.
func top(z *foreign.Zip) (string, error) {
	var folders []string
	for _, name := range z.Names() {
		if folder, ok := strings.CutSuffix(name, "data.pkl"); ok && strings.Count(name, "/") <= 1 &&
			(folder == "" || strings.HasSuffix(folder, "/")) {
			folders = append(folders, folder)
		}
	}
	if len(folders) != 1 {
		if len(folders) == 0 {
			return "", fmt.Errorf("a zip archive without data.pkl, want %s: %w", wanted, foreign.ErrUnknown)
		}
		return "", fmt.Errorf("a zip archive with %d files data.pkl, want one, as in %s", len(folders), wanted)
	}
	if _, ok := z.Size(folders[0] + "constants.pkl"); ok {
		return "", errors.New("a program of TorchScript, as torch.jit.save writes it; " + howToSave)
	}
	return folders[0], nil
}
