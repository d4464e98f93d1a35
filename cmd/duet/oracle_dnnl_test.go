//go:build dnnl

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
)

func init() {
	placements = append(placements, placement{"dnnl:0", "fp32"}, placement{"dnnl:0,dnnl:1", "fp32"})
	duetWith["dnnl"] = sync.OnceValues(func() (string, error) { return buildWith("dnnl") })
}

// buildWith builds the program with a tag.
func buildWith(tag string) (string, error) {
	path := filepath.Join(filepath.Dir(program), "duet-"+tag)
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-tags", tag, "-o", path,
		".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build -tags %s: %w\n%s", tag, err, out)
	}
	return path, nil
}
