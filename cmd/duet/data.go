package main

import (
	"context"
	"os"

	"duet/dataloader"
	"duet/dataloader/prepare"
	"duet/engine/train"
)

// openData opens the configured data, and shows how it is prepared or read where that takes time. suits, if any, is asked
// before a source is packed.
func openData(ctx context.Context, c dataloader.Config, suits func(prepare.Outline) error) (*train.Data, error) {
	preparing, loading := newCounter(os.Stderr, "preparing "+c.Path, "images"), newCounter(os.Stderr, "loading "+c.Path, "MiB")
	defer preparing.close()
	defer loading.close()
	waits := func(dir string) { tell("waiting for another process that prepares %s", dir) }
	hooks := train.DataHooks{Hooks: dataloader.Hooks{Progress: preparing.prepared, Suits: suits, Waits: waits}, Load: loading.megabytes}
	data, err := train.OpenData(ctx, c, hooks)
	if err != nil {
		return nil, stopped(err)
	}
	return data, nil
}
