package duet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"duet/dataloader/packed"
	"duet/engine/model"
	"duet/internal/disk"
)

// The files of a folder of features.
const (
	FeaturesFile = "features.npy" // float32 [images, activations]
	LabelsFile   = "labels.npy"   // int32 [images], of the data
	FilesFile    = "files.txt"    // the images' names in their source, a line each; one with a line's end in it is quoted
	ClassesFile  = "classes.txt"  // IDs of the data's classes, a line each, by label
)

const (
	featuresPartial  = ".partial"
	featuresProgress = "progress.json"
	featuresLock     = "lock"
	featuresFlush    = 64 << 20 // bytes between states that an interrupted run goes on from
)

// ErrFeaturesKept is among the errors of a WriteFeatures that was interrupted: the same call goes on from there.
var ErrFeaturesKept = errors.New("what is finished is kept, and the same command goes on with it")

// featuresRequest is what features are made of: a folder of others is not gone on with.
type featuresRequest struct {
	Checkpoint string   `json:"checkpoint"` // SHA-256
	Images     string   `json:"images"`     // identity of the set
	Layer      string   `json:"layer"`
	Width      int      `json:"width"` // activations of an image
	Views      int      `json:"views"`
	Batch      int      `json:"batch"`
	Precision  string   `json:"precision"`
	Devices    []string `json:"devices"`
}

type featuresState struct {
	Request featuresRequest `json:"request"`
	Rows    int             `json:"rows"` // that are on disk
}

// WriteFeatures writes what a layer gives for every image of a set into the folder out, which must not exist: its
// activations in one row, of the whole network, with labels and names. Memory does not grow with the images.
// Interrupted, even killed, the same call goes on from out.partial, and comes to the same bytes; after an interruption
// the error is an ErrFeaturesKept too.
func (t *TestSet) WriteFeatures(ctx context.Context, layer, out string) (err error) {
	if _, err := os.Lstat(out); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s exists: name another folder, or remove it first", out))
	}
	if err := t.c.Keep(layer); err != nil {
		return err
	}
	request, err := t.featuresRequest(layer)
	if err != nil {
		return err
	}
	w, err := openFeatures(out, request, t.Len())
	if err != nil {
		return err
	}
	if err := w.rows(ctx, t); err != nil {
		if whole := w.seen / request.Batch * request.Batch; whole > w.state.Rows {
			err = errors.Join(err, w.keep(whole))
		}
		if err = errors.Join(err, w.close()); w.state.Rows > 0 {
			return fmt.Errorf("%w; %w", err, ErrFeaturesKept)
		}
		return errors.Join(err, w.remove())
	}
	return w.publish(t)
}

func (t *TestSet) featuresRequest(layer string) (r featuresRequest, err error) {
	c := t.c
	layers, err := c.Layers()
	if err != nil {
		return r, err
	}
	r = featuresRequest{Images: t.Identity(), Layer: layer, Views: c.options.Views,
		Batch: c.options.Batch, Precision: c.devices.Precision, Devices: c.devices.Towers}
	if r.Batch == 0 {
		r.Batch = c.Config.Train.Batch
	}
	i, err := model.FindLayer(layers, layer)
	if err != nil {
		return r, err
	}
	r.Width = layers[i].Len()
	f, err := os.Open(c.Path)
	if err != nil {
		return r, err
	}
	defer f.Close() // nothing was written
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	r.Checkpoint = fmt.Sprintf("%x", sum.Sum(nil))
	return r, err
}

// A featuresWriter writes OUT.partial.
type featuresWriter struct {
	dir, out string
	lock     *os.File
	file     *os.File
	buffer   *bufio.Writer
	state    featuresState
	seen     int // rows that were written, perhaps not yet to the disk
	unsynced int // bytes
}

func openFeatures(out string, request featuresRequest, images int) (w *featuresWriter, err error) {
	w = &featuresWriter{dir: out + featuresPartial, out: out, state: featuresState{Request: request}}
	if err := disk.MakeFolder(w.dir); err != nil {
		return nil, err
	}
	if w.lock, err = os.OpenFile(filepath.Join(w.dir, featuresLock), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	opened := w
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	if free, err := disk.TryLock(w.lock); err != nil || !free {
		return nil, errors.Join(err, fmt.Errorf("%s is being written by another process", out))
	}
	b, err := os.ReadFile(w.path(featuresProgress))
	if err == nil {
		var before featuresState
		if err := json.Unmarshal(b, &before); err != nil {
			return nil, fmt.Errorf("%s: %w: remove %s to begin anew", w.path(featuresProgress), err, w.dir)
		}
		if !reflect.DeepEqual(before.Request, request) {
			return nil, fmt.Errorf("%s holds features that were begun with another checkpoint, other images or other options: "+
				"want the same ones, or the folder removed", w.dir)
		}
		w.state = before
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if w.file, err = os.OpenFile(w.path(FeaturesFile), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	header := packed.NpyHeader(packed.NpyFloat32, images, request.Width)
	at := int64(len(header)) + int64(w.state.Rows)*int64(request.Width)*4
	if size, err := w.file.Seek(0, io.SeekEnd); err != nil || w.state.Rows > 0 && size < at {
		return nil, errors.Join(err, fmt.Errorf("%s has %d bytes, want the %d of %d rows: remove %s to begin anew",
			w.path(FeaturesFile), size, at, w.state.Rows, w.dir))
	}
	if err := w.file.Truncate(at); err != nil {
		return nil, err
	}
	if _, err := w.file.WriteAt(header, 0); err != nil {
		return nil, err
	}
	if _, err := w.file.Seek(at, io.SeekStart); err != nil {
		return nil, err
	}
	w.buffer = bufio.NewWriterSize(w.file, 1<<20)
	return w, nil
}

func (w *featuresWriter) path(name string) string { return filepath.Join(w.dir, name) }

// rows writes the activations of the images that there are none of yet.
func (w *featuresWriter) rows(ctx context.Context, t *TestSet) error {
	if w.state.Rows == t.Len() {
		return nil
	}
	row := make([]byte, 4*w.state.Request.Width)
	_, err := t.Test(ctx, w.state.Rows, func(one Tested) error {
		for i, v := range one.Activations[0] {
			binary.LittleEndian.PutUint32(row[4*i:], math.Float32bits(v))
		}
		if _, err := w.buffer.Write(row); err != nil {
			return err
		}
		w.unsynced += len(row)
		w.seen = one.Index + 1
		whole := w.seen%w.state.Request.Batch == 0 // as batches are cut, so that the same images go together
		if whole && w.unsynced >= featuresFlush || w.seen == t.Len() {
			return w.keep(w.seen)
		}
		return nil
	})
	return err
}

// keep makes so many rows last.
func (w *featuresWriter) keep(rows int) error {
	if err := errors.Join(w.buffer.Flush(), disk.Sync(w.file)); err != nil {
		return err
	}
	w.state.Rows, w.unsynced = rows, 0
	b, err := json.Marshal(w.state)
	if err != nil {
		return err
	}
	return disk.Replace(w.path(featuresProgress), b)
}

// publish writes what there is beside the features, and gives the folder its name.
func (w *featuresWriter) publish(t *TestSet) error {
	if err := w.beside(t); err != nil {
		return fmt.Errorf("%w; %w", errors.Join(err, w.close()), ErrFeaturesKept)
	}
	if err := errors.Join(os.Remove(w.path(featuresProgress)), w.close(), os.Remove(w.path(featuresLock))); err != nil {
		return err
	}
	if err := disk.Rename(w.dir, w.out); err != nil {
		return err
	}
	return disk.SyncFolder(filepath.Dir(filepath.Clean(w.out)))
}

func (w *featuresWriter) beside(t *TestSet) error {
	files, err := t.Files()
	if err != nil {
		return err
	}
	var labels, names, classes bytes.Buffer
	labels.Write(packed.NpyHeader(packed.NpyInt32, t.Len()))
	if err := binary.Write(&labels, binary.LittleEndian, t.Labels()); err != nil {
		return err
	}
	for _, name := range files {
		if strings.ContainsAny(name, "\r\n") {
			name = strconv.Quote(name)
		}
		names.WriteString(name + "\n")
	}
	for _, id := range t.ClassIDs() {
		classes.WriteString(id + "\n")
	}
	return errors.Join(disk.Replace(w.path(LabelsFile), labels.Bytes()), disk.Replace(w.path(FilesFile), names.Bytes()),
		disk.Replace(w.path(ClassesFile), classes.Bytes()))
}

func (w *featuresWriter) close() error {
	var err error
	if w.file != nil {
		err = w.file.Close()
	}
	return errors.Join(err, w.lock.Close())
}

// remove takes away what an end before the first state has left.
func (w *featuresWriter) remove() error {
	return errors.Join(os.Remove(w.path(FeaturesFile)), os.Remove(w.path(featuresLock)), os.Remove(w.dir))
}
