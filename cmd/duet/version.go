package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"duet/dataloader/picture"
	"duet/engine/backend"
)

// revision is the commit, where the linker is told of it (-X main.revision=...): an image is built without the
// repository, from which Go takes it otherwise.
var revision = "unknown"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what this program was built from",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return fmt.Errorf("this program carries no build information")
			}
			tags := "none"
			for _, s := range info.Settings {
				if s.Key == "-tags" {
					tags = s.Value
				}
			}
			fmt.Fprintf(results, "duet %s\n%s, build tags: %s\n", versionOf(info), info.GoVersion, tags)
			for _, b := range backend.Backends() {
				found, err := b.List()
				if err != nil {
					fmt.Fprintf(results, "%s: %v\n", b.Name, err)
					continue
				}
				for _, d := range found[:min(1, len(found))] {
					fmt.Fprintf(results, "%s: %s\n", b.Name, d.Description)
				}
			}
			for _, name := range backend.Missing() {
				fmt.Fprintf(results, "%s: not in this build\n", name)
			}
			fmt.Fprintf(results, "JPEG files: %s\n", picture.Version())
			return nil
		},
	}
}

// versionOf is the commit that the program was built from.
func versionOf(info *debug.BuildInfo) string {
	commit, modified := revision, ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " with changes"
		}
	}
	return commit + modified
}
