package main

import (
	"context"
	"os"

	"duet/dataloader"
	"duet/engine/train"
)

// openData opens the configured data, and shows how it is prepared or read where that takes time.
func openData(ctx context.Context, c dataloader.Config) (*train.Data, error) {
	preparing, loading := newCounter(os.Stderr, "preparing "+c.Path, "images"), newCounter(os.Stderr, "loading "+c.Path, "MiB")
	defer preparing.close()
	defer loading.close()
	data, err := train.OpenData(ctx, c, train.DataProgress{Prepare: preparing.prepared, Load: loading.megabytes})
	if err != nil {
		return nil, stopped(err)
	}
	return data, nil
}
