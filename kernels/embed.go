//go:build gpu

// Package kernels holds the PTX that `make kernels` compiles from the .cu files beside it (build tag gpu).
package kernels

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"duet/kernels/ptxinfo"
)

//go:embed all:ptx
var files embed.FS

// Module is one .cu file, compiled.
type Module struct {
	Name string // the stem of the file: lrn
	Text string
	Info ptxinfo.Module
}

// ErrNotBuilt says that the program was built without PTX.
var ErrNotBuilt = errors.New("this program was built without its CUDA kernels: run make build-gpu")

// Modules are all of them, by name.
var Modules = sync.OnceValues(func() ([]Module, error) {
	entries, err := files.ReadDir("ptx")
	if err != nil {
		return nil, err
	}
	var modules []Module
	for _, e := range entries {
		name, isPTX := strings.CutSuffix(e.Name(), ".ptx")
		if !isPTX {
			continue
		}
		text, err := files.ReadFile(path.Join("ptx", e.Name()))
		if err != nil {
			return nil, err
		}
		info, err := ptxinfo.Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		modules = append(modules, Module{name, string(text), info})
	}
	if len(modules) == 0 {
		return nil, ErrNotBuilt
	}
	return modules, nil
})
