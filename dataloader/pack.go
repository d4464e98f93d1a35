package dataloader

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// A packer decodes the items of a listing, many at a time, into the arrays of a packed set.
type packer struct {
	src      source
	listing  *listing
	dir      string
	size     int
	workers  int
	progress func(done, total, rejected int)

	arrays map[bool]*imageArray // train, val
	row    []int                // by item: its row in its array
	mutex  sync.Mutex
	done   []bool  // by item: packed
	causes []error // by item: rejected
	count  int
	failed int
}

// A job is an item on its way from the reader to a decoder.
type job struct {
	item  int
	data  []byte
	cause error
}

// pack writes everything but set.json, and returns what belongs there.
func (k *packer) pack(ctx context.Context) (setInfo, error) {
	if err := k.layOut(); err != nil {
		return setInfo{}, err
	}
	defer func() {
		for _, a := range k.arrays {
			a.file.Close()
		}
	}()
	if err := k.decodeAll(ctx); err != nil {
		return setInfo{}, err
	}
	for i, it := range k.listing.items {
		if !k.done[i] && k.causes[i] == nil {
			k.causes[i] = errors.New("was there when the source was listed, and gone when it was read")
		}
		if k.causes[i] != nil {
			k.listing.rejected = append(k.listing.rejected, Rejected{it.name, k.causes[i].Error()})
		}
	}
	info := setInfo{Kind: k.listing.kind, Height: k.size, Width: k.size, Classes: len(k.listing.classes),
		Rejected: len(k.listing.rejected), Splits: map[string]splitInfo{}}
	for _, val := range []bool{false, true} {
		if k.arrays[val] == nil {
			continue
		}
		name := splitName(val)
		counts, err := k.finishSplit(val, name)
		if err != nil {
			return info, err
		}
		info.Splits[name] = counts
	}
	return info, k.finishSet(&info)
}

func splitName(val bool) string {
	if val {
		return "val"
	}
	return "train"
}

// layOut gives every item a row, and makes the arrays.
func (k *packer) layOut() error {
	n := len(k.listing.items)
	k.row, k.done, k.causes = make([]int, n), make([]bool, n), make([]error, n)
	rows := map[bool]int{}
	for i, it := range k.listing.items {
		k.row[i] = rows[it.val]
		rows[it.val]++
	}
	k.arrays = map[bool]*imageArray{}
	for _, val := range []bool{false, true} {
		if rows[val] == 0 {
			continue
		}
		dir := filepath.Join(k.dir, splitName(val))
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, imagesFile), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
		if err != nil {
			return err
		}
		k.arrays[val] = &imageArray{file: f, side: k.size}
	}
	return nil
}

// decodeAll reads the source in one goroutine and decodes in the others. At most two items a worker are in memory.
func (k *packer) decodeAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan job, k.workers)
	var wait sync.WaitGroup
	for range k.workers {
		wait.Go(func() {
			f := newFitter(k.size)
			pixels := make([]byte, k.size*k.size*3)
			for j := range jobs {
				if err := k.packOne(j, f, pixels); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := k.src.read(ctx, func(item int, data []byte, cause error) error {
		select {
		case jobs <- job{item, data, cause}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(jobs)
	wait.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// packOne decodes an item and writes it; only writing can fail, anything else rejects the item.
func (k *packer) packOne(j job, f *fitter, pixels []byte) error {
	if j.cause == nil {
		j.cause = k.decode(j, f, pixels)
	}
	if j.cause == nil {
		if err := k.arrays[k.listing.items[j.item].val].write(k.row[j.item], pixels); err != nil {
			return err
		}
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.done[j.item], k.causes[j.item] = j.cause == nil, j.cause
	k.count++
	if j.cause != nil {
		k.failed++
	}
	if k.progress != nil {
		k.progress(k.count, len(k.listing.items), k.failed)
	}
	return nil
}

// decode turns the item into pixels. A decoder that panics costs one image, not hours of work.
func (k *packer) decode(j job, f *fitter, pixels []byte) (cause error) {
	defer func() {
		if p := recover(); p != nil {
			cause = fmt.Errorf("the decoder panicked: %v", p)
		}
	}()
	m, err := k.src.decode(j.item, j.data)
	if err != nil {
		return err
	}
	f.fit(pixels, m)
	return nil
}

// finishSplit closes the gaps that rejected images left, and writes labels and names.
func (k *packer) finishSplit(val bool, name string) (splitInfo, error) {
	info := splitInfo{PerClass: make([]int, len(k.listing.classes))}
	var labels []byte
	var files bytes.Buffer
	table := csv.NewWriter(&files)
	table.Write([]string{"file", "class"}) // a buffer takes everything
	asked := make([]int, len(k.listing.classes))
	a := k.arrays[val]
	for i, it := range k.listing.items {
		if it.val != val {
			continue
		}
		asked[it.label]++
		if !k.done[i] {
			continue
		}
		if err := a.move(k.row[i], info.Images); err != nil {
			return info, err
		}
		info.Images++
		info.PerClass[it.label]++
		labels = binary.LittleEndian.AppendUint32(labels, uint32(it.label))
		table.Write([]string{it.name, k.listing.classes[it.label]})
	}
	table.Flush()
	for label, n := range info.PerClass {
		if n == 0 && !val {
			return info, k.noneReadable(int32(label), asked[label])
		}
	}
	if info.Images == 0 {
		return info, fmt.Errorf("no image of the validation split is readable; %s", k.firstRejected(func(it item) bool { return it.val }))
	}
	if err := a.finish(info.Images); err != nil {
		return info, err
	}
	dir := filepath.Join(k.dir, name)
	header := npyHeader{dtype: npyInt32, shape: []int{info.Images}}
	if err := writeFile(filepath.Join(dir, labelsFile), header.encode(), labels); err != nil {
		return info, err
	}
	return info, writeFile(filepath.Join(dir, filesFile), files.Bytes())
}

func (k *packer) noneReadable(label int32, asked int) error {
	class := k.listing.classes[label]
	if asked == 0 {
		return fmt.Errorf("class %s has no training image", class)
	}
	return fmt.Errorf("class %s has no readable training image among %d; %s", class, asked,
		k.firstRejected(func(it item) bool { return it.label == label && !it.val }))
}

// firstRejected is "the first: FILE: CAUSE" of the rejected items that match.
func (k *packer) firstRejected(match func(item) bool) string {
	for i, it := range k.listing.items {
		if k.causes[i] != nil && match(it) {
			return fmt.Sprintf("the first: %s: %v", it.name, k.causes[i])
		}
	}
	return "none was listed"
}

// finishSet measures the training split and writes the files of the whole set.
func (k *packer) finishSet(info *setInfo) error {
	a := k.arrays[false]
	size := int64(k.size * k.size * 3)
	data, unmap, err := mapFile(a.file, npyHeaderBytes+int64(info.Splits["train"].Images)*size)
	if err != nil {
		return err
	}
	s := measure(info.Splits["train"].Images, k.size, k.size, k.workers, func(i int) []byte {
		return data[npyHeaderBytes+int64(i)*size:][:size]
	})
	if err := unmap(); err != nil {
		return err
	}
	info.ChannelMean, info.ColorEigen, info.ColorStd = s.channelMean, s.eigen, s.std
	var mean, classes, rejected bytes.Buffer
	mean.Write(npyHeader{dtype: npyFloat32, shape: []int{3, k.size, k.size}}.encode())
	if err := binary.Write(&mean, binary.LittleEndian, s.mean); err != nil {
		return err
	}
	for _, c := range k.listing.classes {
		fmt.Fprintln(&classes, c)
	}
	table := csv.NewWriter(&rejected)
	table.Write([]string{"file", "cause"})
	for _, r := range k.listing.rejected {
		table.Write([]string{r.File, r.Cause})
	}
	table.Flush()
	for name, b := range map[string]*bytes.Buffer{meanFile: &mean, classesFile: &classes, rejectedFile: &rejected} {
		if err := writeFile(filepath.Join(k.dir, name), b.Bytes()); err != nil {
			return err
		}
	}
	info.Checksums = map[string]uint32{}
	for _, name := range checkedFiles {
		sum, err := checksum(filepath.Join(k.dir, filepath.FromSlash(name)))
		if errors.Is(err, os.ErrNotExist) {
			continue // a set without validation images
		}
		if err != nil {
			return err
		}
		info.Checksums[name] = sum
	}
	return nil
}
