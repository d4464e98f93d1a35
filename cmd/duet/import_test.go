package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"duet"
	"duet/engine/checkpoint"
)

// asNPY is an array of float32 as NumPy writes it.
func asNPY(shape []int, data []float32) []byte {
	var b bytes.Buffer
	text := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }",
		strings.NewReplacer("[", "(", "]", ",)", " ", ", ").Replace(fmt.Sprint(shape)))
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	b.WriteString("\x93NUMPY\x01\x00")
	_ = binary.Write(&b, binary.LittleEndian, uint16(len(text)))
	b.WriteString(text)
	_ = binary.Write(&b, binary.LittleEndian, data)
	return b.Bytes()
}

// npz is a file of arrays, in their order.
func (p *place) npz(arrays []checkpoint.Tensor, name string) {
	p.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, a := range arrays {
		w, err := z.Create(a.Name + ".npy")
		p.check(err)
		_, err = w.Write(asNPY(a.Shape, a.Data))
		p.check(err)
	}
	p.check(z.Close())
	p.write(b.Bytes(), name)
}

// asJAX turns a trained network's weights into the arrays that a port to JAX would have, [h,w,in,out] and [in,out] over
// [h,w,maps].
func asJAX(f *checkpoint.File) (all []checkpoint.Tensor) {
	maps := 0
	for _, t := range f.Tensors {
		name, kind, _ := strings.Cut(t.Name, ".")
		switch {
		case name == "momentum" || name == "input":
		case kind == "bias":
			all = append(all, checkpoint.Tensor{Name: "Net_0/" + name + "/bias", Shape: t.Shape, Data: t.Data})
		case len(t.Shape) == 4:
			o, in, area := t.Shape[0], t.Shape[1], t.Shape[2]*t.Shape[3]
			data := make([]float32, len(t.Data))
			for i, x := range t.Data { // (o*in+i)*area+place
				data[(i%area*in+i/area%in)*o+i/area/in] = x
			}
			all = append(all, checkpoint.Tensor{Name: "Net_0/" + name + "/kernel",
				Shape: []int{t.Shape[2], t.Shape[3], in, o}, Data: data})
			maps = o
		default:
			o, in := t.Shape[0], t.Shape[1]
			if maps == 0 {
				maps = in
			}
			area := in / maps
			data := make([]float32, len(t.Data))
			for i, x := range t.Data { // o*in + map*area+place
				data[(i%area*maps+i/area%maps)*o+i/in] = x
			}
			all = append(all, checkpoint.Tensor{Name: "Net_0/" + name + "/kernel", Shape: []int{in, o}, Data: data})
			maps = 0
		}
	}
	return all
}

// TestImport: a network whose weights went to another program and came back says what it said before, and what does
// not fit is named.
func TestImport(t *testing.T) {
	p := newPlace(t)
	p.photos("photos")
	p.works("prepare", "photos", "set", "--size", "24")
	p.works(trainArgs("run", sets("data.path=set", "train.batch=4", "train.max_steps=3")...)...)
	best := "runs/run/checkpoints/best.safetensors"
	c, err := duet.ReadCheckpoint(p.path(best))
	p.check(err)
	arrays := asJAX(c.File)
	p.npz(arrays, "net.npz")
	p.write(asNPY(c.Input.MeanShape, c.Input.Mean), "mean.npy")
	p.write([]byte(strings.Join(c.Input.Classes, "\n")+"\n"), "classes.txt")
	as := []string{"--as", "smoke", "--set", "data.size=24", "--mean", "mean.npy", "--classes", "classes.txt"}
	imports := func(file string, more ...string) []string {
		return slices.Concat([]string{"import", file}, as, more)
	}
	said := p.works(imports("net.npz", "--out", "back.safetensors")...).stdout
	if !strings.Contains(said, "conv1      from Net_0/conv1\n") ||
		!strings.Contains(said, "back.safetensors: 5 layers of NumPy\n") {
		t.Errorf("said %q", said)
	}
	again, err := duet.ReadCheckpoint(p.path("back.safetensors"))
	p.check(err)
	for _, want := range c.File.Tensors {
		got, _ := again.File.Tensor(want.Name)
		if !slices.Equal(got.Shape, want.Shape) || !strings.HasPrefix(want.Name, "momentum.") &&
			!slices.Equal(got.Data, want.Data) {
			t.Errorf("%s came back otherwise", want.Name)
		}
	}
	before, after := p.works("predict", best, "photos", "--json").stdout, p.works("predict", "back.safetensors", "photos",
		"--json").stdout
	if before != after {
		t.Errorf("the network said %s, now %s", before, after)
	}

	p.importChecked(imports, c)
	p.npz(arrays[2:], "part.npz")
	p.refused(exitFailed, []string{"part.npz: nothing fits conv1.weight [", "of the network"},
		imports("part.npz", "--out", "part.safetensors")...)
	said = p.works(imports("part.npz", "--partial", "--out", "part.safetensors")...).stdout
	if !strings.Contains(said, "conv1.bias [") || !strings.Contains(said, ": drawn, the file has none that fits\n") {
		t.Errorf("said %q", said)
	}
	p.write([]byte("conv2 = \"Net_0/conv3\"\n"), "names.toml")
	p.refused(exitFailed, []string{`the names say that conv2 is the file's "Net_0/conv3", but that is [`},
		imports("net.npz", "--names", "names.toml", "--out", "other.safetensors")...)
	p.npz(arrays[:2], "convolution.npz")
	for _, c := range []struct {
		args  []string
		code  int
		words []string
	}{
		{[]string{"import", "net.npz", "--out", "a.safetensors"}, exitUsage, []string{"no --as"}},
		{[]string{"import", "net.npz", "--as", "smoke"}, exitUsage, []string{"no --out"}},
		{imports("net.npz", "--out", "back.safetensors"), exitUsage, []string{"--out back.safetensors", "exists"}},
		{imports("net.npz", "--out", "a", "--layout", "chwn"), exitUsage, []string{`--layout "chwn", want oihw or hwio`}},
		{imports("net.npz", "--out", "a", "--channels", "cmyk"), exitUsage, []string{`--channels "cmyk", want rgb or bgr`}},
		{imports("net.npz", "--out", "a", "--names", "none.toml"), exitFailed, []string{"--names none.toml", "no such file"}},
		{imports("nowhere.pth", "--out", "a"), exitFailed, []string{"nowhere.pth"}},
		{imports("photos/down/0.png", "--out", "a"), exitFailed,
			[]string{"photos/down/0.png", "PNG", "want weights of PyTorch"}},
		{[]string{"import", "convolution.npz", "--as", "smoke", "--partial", "--out", "a"}, exitFailed,
			[]string{"how many classes", "--classes"}},
		{[]string{"import", "net.npz", "--as", "smoke", "--out", "a"}, exitFailed,
			[]string{`data.mean = "channel"`, "want --mean FILE"}},
		{imports("net.npz", "--out", "a", "--set", "data.mean=[1,2,3]"), exitFailed,
			[]string{"data.mean = [1,2,3]", "mean.npy"}},
	} {
		p.refused(c.code, c.words, c.args...)
	}
	for _, name := range []string{"a", "a.safetensors", "other.safetensors"} {
		if _, err := os.Stat(p.path(name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

// importChecked holds what the layers of an imported network give against what they gave before, channels last, and
// against that with a number changed.
func (p *place) importChecked(imports func(file string, more ...string) []string, c *duet.Checkpoint) {
	p.Helper()
	before, err := c.Open(duet.OpenOptions{Devices: []string{"reference:0"}})
	p.check(err)
	f, err := os.Open(p.path("photos/down/0.png"))
	p.check(err)
	m, err := before.Decode(f)
	p.check(errors.Join(err, f.Close()))
	maps, _, err := before.Maps(context.Background(), m)
	p.check(errors.Join(err, before.Close()))
	var want []checkpoint.Tensor
	for _, l := range maps {
		t := checkpoint.Tensor{Name: l.Layer, Shape: append([]int{1}, l.Shape...), Data: slices.Clone(l.Values)}
		if len(l.Shape) == 3 { // [1, height, width, maps]
			maps, area := l.Shape[0], l.Shape[1]*l.Shape[2]
			t.Shape = []int{1, l.Shape[1], l.Shape[2], maps}
			for i, x := range l.Values {
				t.Data[i%area*maps+i/area] = x
			}
		}
		want = append(want, t)
	}
	p.npz(want, "expected.npz")
	check := []string{"--check", "photos/down/0.png", "--expect", "expected.npz"}
	said := p.works(imports("net.npz", append(check, "--out", "checked.safetensors")...)...).stdout
	if !strings.Contains(said, "conv1      within ") || !strings.Contains(said, "fc5        within ") {
		p.Errorf("said %q", said)
	}
	at := slices.IndexFunc(want, func(t checkpoint.Tensor) bool { return t.Name == "conv3" })
	want[at].Data[3] += 0.5
	p.npz(want, "expected.npz")
	p.refused(exitFailed, []string{"conv3 differs, by ", "conv1, norm1, pool1, conv2", " before it agree"},
		imports("net.npz", append(check, "--out", "a")...)...)
	p.npz([]checkpoint.Tensor{{Name: "conv9", Shape: []int{1}, Data: []float32{1}}}, "expected.npz")
	p.refused(exitFailed, []string{"expected.npz", "conv9"}, imports("net.npz", append(check, "--out", "a")...)...)
	p.npz([]checkpoint.Tensor{{Name: "fc5", Shape: []int{1}, Data: []float32{1}}}, "expected.npz")
	p.refused(exitFailed, []string{"expected.npz: fc5 is [1], want [2]"},
		imports("net.npz", append(check, "--out", "a")...)...)
	p.refused(exitUsage, []string{"--check IMAGE and --expect FILE"},
		imports("net.npz", "--check", "x.png", "--out", "a")...)
}
