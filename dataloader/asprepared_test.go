package dataloader_test

import (
	"context"
	"strings"
	"testing"

	"duet/dataloader"
	"duet/dataloader/packed"
	"duet/dataloader/prepare"
	"duet/dataloader/source/mini"
)

// Of a packed set, a key of how a source is packed is what the set was prepared with, or left out.
func TestAsPrepared(t *testing.T) {
	photos := mini.Animals(8).Folder(t)
	plain := run(t, photos, prepare.Options{})
	special := prepare.Options{Settings: prepare.Settings{Format: "folders", ValFraction: 0.25, Seed: 3,
		Classes: []string{"dogs", "cats"}, PerClass: 5, ValPerClass: 1, EXIF: true, AllowTruncated: true, Codec: packed.JPEG,
		Quality: 80, ShardMiB: 7}}
	other := run(t, photos, special)
	grey := mini.GreyPNG(8, 8, 1)
	table := run(t, mini.Files{"1.png": grey, "2.png": grey,
		"labels.csv": []byte("a,b\ncat,1.png\ndog,2.png\n")}.Folder(t),
		prepare.Options{Settings: prepare.Settings{Columns: []string{"b", "a"}}})
	for name, c := range map[string]struct {
		set    string
		change func(c *dataloader.Config)
		want   []string // nil: it is taken
	}{
		"nothing":       {other, func(*dataloader.Config) {}, nil},
		"no matter":     {plain, func(c *dataloader.Config) { c.Strict, c.Workers = true, 2 }, nil},
		"as recorded":   {other, func(c *dataloader.Config) { *c = as(*c, special) }, nil},
		"another order": {other, func(c *dataloader.Config) { c.Classes = []string{"cats", "dogs"} }, nil},
		"quality": {other, func(c *dataloader.Config) { c.Codec, c.Quality = packed.JPEG, 92 },
			[]string{"data.quality = 92", "quality 80", "OUT --codec jpeg --quality 92`"}},
		"codec": {plain, func(c *dataloader.Config) { c.Codec = packed.JPEG },
			[]string{`data.codec = "jpeg"`, `codec "raw"`, "`duet prepare " + plain + " OUT --codec jpeg`"}},
		"shard_mib": {plain, func(c *dataloader.Config) { c.ShardMiB = 64 },
			[]string{"data.shard_mib = 64", "shard_mib 512", "--shard-mib 64`"}},
		"shard_mib of 512": {plain, func(c *dataloader.Config) { c.ShardMiB = 512 }, nil},
		"classes": {plain, func(c *dataloader.Config) { c.Classes = []string{"cats", "dogs"} },
			[]string{`data.classes = ["cats" "dogs"]`, "classes []", "OUT --classes cats,dogs`", "leave the key out"}},
		"other classes": {other, func(c *dataloader.Config) { c.Classes = []string{"dogs"} },
			[]string{`data.classes = ["dogs"]`, `classes ["dogs" "cats"]`}},
		"with a comma": {plain, func(c *dataloader.Config) { c.Classes = []string{"cats, small"} },
			[]string{"OUT --classes @FILE`"}},
		"per_class": {other, func(c *dataloader.Config) { c.PerClass = 4 },
			[]string{"data.per_class = 4", "per_class 5", "OUT --per-class 4`"}},
		"val_per_class": {plain, func(c *dataloader.Config) { c.ValPerClass = 4 },
			[]string{"data.val_per_class = 4", "val_per_class 0", "--val-per-class 4`"}},
		"seed": {plain, func(c *dataloader.Config) { c.Seed = 9 },
			[]string{"data.seed = 9", "seed 0", "its source again with --seed 9"}},
		"exif": {plain, func(c *dataloader.Config) { c.EXIF = true },
			[]string{"data.exif = true", "exif false", "its source again with --exif,"}},
		"allow_truncated": {plain, func(c *dataloader.Config) { c.AllowTruncated = true },
			[]string{"data.allow_truncated = true", "its source again with --allow-truncated,"}},
		"format": {plain, func(c *dataloader.Config) { c.Format = "csv" },
			[]string{`data.format = "csv"`, `format ""`, "its source again with --format csv"}},
		"columns": {plain, func(c *dataloader.Config) { c.Columns = []string{"id", "label"} },
			[]string{`data.columns = ["id" "label"]`, "columns []", "its source again with --columns id,label,"}},
		"columns as recorded": {table, func(c *dataloader.Config) { c.Columns = []string{"b", "a"} }, nil},
		"columns turned": {table, func(c *dataloader.Config) { c.Columns = []string{"a", "b"} },
			[]string{`data.columns = ["a" "b"]`, `columns ["b" "a"]`}},
		"val_fraction": {plain, func(c *dataloader.Config) { c.ValFraction = 0.2 },
			[]string{"data.val_fraction = 0.2", "val_fraction 0", "`duet prepare " + plain + " OUT --val-fraction 0.2`"}},
		"another fraction": {other, func(c *dataloader.Config) { c.ValFraction = 0.2 },
			[]string{"val_fraction 0.25", "its source again with --val-fraction 0.2"}},
		"no fraction": {other, func(c *dataloader.Config) { c.ValFraction = 0 },
			[]string{"data.val_fraction = 0,", "val_fraction 0.25", "its source again with --val-fraction 0"}},
	} {
		config := dataloader.Default()
		config.Path = c.set
		c.change(&config)
		dir, err := dataloader.Materialize(context.Background(), config, dataloader.Hooks{})
		if c.want == nil {
			if err != nil || dir != c.set {
				t.Errorf("%s: %s, error %v", name, dir, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range append(c.want, c.set) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q", name, err, want)
			}
		}
	}
}

// as is c with what o says of how a source is packed.
func as(c dataloader.Config, o prepare.Options) dataloader.Config {
	c.Settings = o.Settings
	return c
}
