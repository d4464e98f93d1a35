package main

import (
	"context"

	"duet/dataloader"
	"duet/dataloader/prepare"
	"duet/engine/train"
)

// openData opens the configured data, and shows how it is prepared or read where that takes time. suits, if any, is
// asked before a source is packed.
func openData(ctx context.Context, c dataloader.Config, suits func(prepare.Outline) error) (*train.Data, error) {
	show := newDisplay()
	defer show.close()
	h := show.hooks()
	hooks := train.ShowData(c.Path, h.Progress, h.Note)
	hooks.Suits = suits
	data, err := train.OpenData(ctx, c, hooks)
	if err != nil {
		return nil, stopped(err)
	}
	return data, nil
}
