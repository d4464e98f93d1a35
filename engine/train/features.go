package train

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/engine/metrics"
	"duet/engine/model"
	"duet/internal/disk"
	"duet/internal/invalid"
)

// featuresFile begins what a file of features in a run's folder is called in the moment in which it has a name.
const featuresFile = ".features-"

// ErrNoRoom says that the features that train.cache_features asks for fit neither in memory nor on disk.
var ErrNoRoom = errors.New("no room for features")

// cached says why features cannot be cached: with a random number in what the network sees, no two steps see the same.
func (c *Config) cached() error {
	if !c.Train.CacheFeatures {
		return nil
	}
	if key, is, want := c.Data.Random(); key != "" {
		return invalid.Key("train.cache_features", "an image is another one in every epoch by data.%s = %v, want %v", key, is,
			want)
	}
	return nil
}

// Caches checks that the network's features can be cached where that is asked for, given its graph for training. Its
// error is an *invalid.Error.
func (c *Config) Caches(g *model.Graph) error {
	err := c.cached()
	if err == nil && c.Train.CacheFeatures {
		if _, err = g.Cut(); err != nil {
			err = invalid.Key("train.cache_features", "%v: want frozen = true of the layers whose features are to be kept", err)
		}
	}
	return err
}

// split is of whose images features are computed.
type split struct {
	name   string
	set    *packed.Set
	front  *model.Front
	views  int
	into   **dataloader.Features
	inFile bool
}

func (s *split) bytes() int64 {
	return dataloader.FeaturesBytes(s.set.Len(), s.views, s.front.Widths())
}

// cache computes the features of all images that the run still looks at.
func (r *run) cache(ctx context.Context) error {
	training, testing := r.model.Fronts()
	if training == nil {
		return nil
	}
	c, over := r.Config.Train, r.over()
	var splits []split
	if !over {
		splits = append(splits, split{packed.Train, r.data.Train, training, 1, &r.features.train, false})
	}
	if validates := c.ValidateEpochs > 0 || c.ValidateSteps > 0; validates && (!over || r.checked < r.step) {
		splits = append(splits, split{packed.Val, r.data.Val, testing, c.Views, &r.features.val, false})
	}
	if err := r.makeRoom(splits); err != nil {
		return fmt.Errorf("train.cache_features: %w", err)
	}
	for _, s := range splits {
		progress := func(done, total int) {
			r.console.Phase("features of "+s.name, uint64(done), uint64(total), "images")
		}
		if err := r.model.Compute(ctx, s.front, s.set, *s.into, progress); err != nil {
			return fmt.Errorf("features of %s: %w", s.name, err)
		}
	}
	return r.model.CloseFronts()
}

// makeRoom makes room for features, if there is any for all of them: in memory as far as half of what is free suffices,
// else in files in the run's folder, where as much is left for checkpoints.
func (r *run) makeRoom(splits []split) error {
	memory, limited := free(packed.AvailableMemory, room.memory)
	disk, full := free(func() (int64, bool) { return disk.Free(r.Folder.Dir) }, room.disk)
	inMemory, inFiles := int64(0), int64(0)
	for i := range splits {
		s := &splits[i]
		if s.inFile = limited && inMemory+s.bytes() > memory/2; s.inFile {
			inFiles += s.bytes()
		} else {
			inMemory += s.bytes()
		}
	}
	if full && inFiles > disk/2 {
		size := func(bytes int64) string { return metrics.FormatBytes(uint64(bytes)) }
		return fmt.Errorf("%w: %s, where %s of memory and in %s %s of disk are free, of which half may be taken: want "+
			"fewer images, more frozen layers, or train.cache_features = false", ErrNoRoom, size(inMemory+inFiles), size(memory),
			r.Folder.Dir, size(disk))
	}
	for _, s := range splits {
		where, path := "memory", ""
		if s.inFile {
			where, path = "file", filepath.Join(r.Folder.Dir, featuresFile+s.name)
		}
		r.log.Info("features", "of", s.name, "images", s.set.Len(), "numbers", s.bytes()/4/int64(s.set.Len()), "bytes",
			metrics.FormatBytes(uint64(s.bytes())), "in", where)
		var err error
		if *s.into, err = dataloader.NewFeatures(s.set.Len(), s.views, s.front.Widths(), path); err != nil {
			return err
		}
	}
	return nil
}

// loader gives the batches from the next step on, of features where there are any.
func (r *run) loader() *dataloader.Loader {
	var rows dataloader.Rows
	if r.features.train != nil {
		rows = r.features.train
	}
	c := r.Config.Train
	return dataloader.NewTrainLoaderOf(rows, r.data.Train, r.Config.Data, c.Batch, c.Seed, r.clock.Seen(r.step),
		r.model.AllocateFor(r.features.train))
}

// room is taken for what is free, in bytes, where it is not 0: by tests.
var room struct{ memory, disk int64 }

func free(is func() (int64, bool), most int64) (bytes int64, known bool) {
	if most > 0 {
		return most, true
	}
	return is()
}

// drop gives the room of features back.
func (r *run) drop() error {
	var errs []error
	for _, f := range []*dataloader.Features{r.features.train, r.features.val} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
