package export

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"duet/engine/op"
	"duet/internal/disk"
)

// The files of a folder for PyTorch.
const (
	ModuleFile  = "model.py"
	WeightsFile = "model.safetensors"
)

//go:embed model.py.tmpl
var moduleText string

var moduleTemplate = template.Must(template.New(ModuleFile).Parse(moduleText))

// PyTorch writes a folder with the network as a Python module and its weights, under the names of the module's state
// dict. Whatever fails, or ends ctx, there is no folder.
func (n *Network) PyTorch(ctx context.Context, path string) (r Result, err error) {
	if err := Free(path); err != nil {
		return r, err
	}
	g, err := n.graph(true)
	if err != nil {
		return r, err
	}
	m, err := newModule(g)
	if err != nil {
		return r, err
	}
	text, err := n.module(m, g.Image.Op().(*op.Applied).Op.(op.Augment))
	if err != nil {
		return r, err
	}
	tensors, err := n.tensors()
	if err != nil {
		return r, err
	}
	for i := range tensors {
		tensors[i].Name = m.parameter(tensors[i].Name)
	}
	r.Parameters = count(tensors)
	path = filepath.Clean(path)
	fresh, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+disk.Fresh)
	if err != nil {
		return r, err
	}
	err = errors.Join(disk.Replace(filepath.Join(fresh, ModuleFile), text),
		disk.ReplaceBy(filepath.Join(fresh, WeightsFile), func(f *os.File) error { return n.write(ctx, f, tensors) }),
		os.Chmod(fresh, 0o755))
	if err == nil {
		err = disk.Rename(fresh, path)
	}
	if err != nil {
		return r, errors.Join(err, os.RemoveAll(fresh))
	}
	return r, disk.SyncFolder(filepath.Dir(path))
}

// module is the text of the Python module.
func (n *Network) module(m *module, o op.Augment) ([]byte, error) {
	in, s := n.Input, n.sight(o.Crop)
	numbers := func(format string, x ...any) string {
		var all []string
		for _, v := range x {
			all = append(all, fmt.Sprintf(format, v))
		}
		return strings.Join(all, ", ")
	}
	data := map[string]any{"Title": n.Setup.Network.Title(), "Version": n.Version, "Weights": WeightsFile,
		"Height": in.Height, "Width": in.Width, "Scale": "torch.full((3, 1, 1), " + pythonFloat(o.Scale[0]) + ")",
		"MeanShape": numbers("%d", in.MeanShape[0], in.MeanShape[1], in.MeanShape[2]), "Has": m.classes,
		"Towers": n.Setup.Network.MaxDevices() > 1, "Init": m.init, "Forward": m.forward,
		"Math": strings.Contains(strings.Join(m.init, ""), "math.")}
	if o.Scale[1] != o.Scale[0] || o.Scale[2] != o.Scale[0] {
		data["Scale"] = "torch.tensor([" + numbers("%v", o.Scale[0], o.Scale[1], o.Scale[2]) + "]).view(3, 1, 1)"
	}
	if s.height < in.Height || s.width < in.Width {
		data["Crop"] = fmt.Sprintf("%d:%d, %d:%d", s.top, s.top+s.height, s.left, s.left+s.width)
	}
	if s.pads != [4]int{} {
		data["Pads"] = numbers("%d", s.pads[1], s.pads[3], s.pads[0], s.pads[2])
	}
	var b bytes.Buffer
	err := moduleTemplate.Execute(&b, data)
	return b.Bytes(), err
}

// pythonFloat is a number that Python does not take for an integer.
func pythonFloat(x float32) string {
	text := fmt.Sprint(x)
	if strings.Trim(text, "-0123456789") == "" {
		text += ".0"
	}
	return text
}
