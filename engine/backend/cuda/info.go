//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"duet/engine/backend"
)

// sharedOptIn is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which the bindings do not have.
const sharedOptIn cu.DeviceAttribute = 97

// ask gives a GPU's compute capability and what launches must keep to.
func ask(gpu cu.Device) (capability int, l limits, err error) {
	get := func(a cu.DeviceAttribute) int {
		n, failed := gpu.Attribute(a)
		if failed != nil && err == nil {
			err = fmt.Errorf("cuDeviceGetAttribute %d: %w", a, failed)
		}
		return n
	}
	capability = 10*get(cu.ComputeCapabilityMajor) + get(cu.ComputeCapabilityMinor)
	for i, a := range []cu.DeviceAttribute{cu.MaxGridDimX, cu.MaxGridDimY, cu.MaxGridDimZ} {
		l.grid[i] = uint32(get(a))
	}
	for i, a := range []cu.DeviceAttribute{cu.MaxBlockDimX, cu.MaxBlockDimY, cu.MaxBlockDimZ} {
		l.block[i] = uint32(get(a))
	}
	l.threads = uint32(get(cu.MaxThreadsPerBlock))
	l.shared = max(get(cu.MaxSharedMemoryPerBlock), get(sharedOptIn))
	l.units, l.sharedInAll = get(cu.MultiprocessorCount), get(cu.MaxSharedMemoryPerMultiprocessor)
	return capability, l, err
}

// list describes the machine's GPUs.
func list() ([]backend.Info, error) {
	if err := driverProblem(); err != nil {
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("cuDeviceGetCount: %w", err)
	}
	var found []backend.Info
	for i := range n {
		d, err := Open(i, backend.Options{}) // free memory is a context's to tell
		if err != nil {
			return nil, err
		}
		info := d.Info()
		info.Sensors = sensors(d.(*device).gpu) // which a training does not wait for
		if err := d.Close(); err != nil {
			return nil, err
		}
		found = append(found, info)
	}
	return found, nil
}

// Info describes the GPU. What the driver does not tell is left out.
func (d *device) Info() backend.Info {
	info := backend.Info{Name: d.name, Precisions: precisions}
	attribute := func(a cu.DeviceAttribute) int {
		n, err := d.gpu.Attribute(a)
		if err != nil {
			return 0
		}
		return n
	}
	model, err := d.gpu.Name()
	if err != nil {
		model = "unnamed GPU"
	}
	info.Units = attribute(cu.MultiprocessorCount)
	// Twice the clock, as memory moves data on both edges.
	info.Bandwidth = 2 * float64(attribute(cu.MemoryClockRate)) * 1e3 * float64(attribute(cu.GlobalMemoryBusWidth)) / 8
	info.Capability = fmt.Sprintf("%d.%d", d.capability/10, d.capability%10)
	info.Description = fmt.Sprintf("%s, CUDA driver %d.%d", model, cu.Version()/1000, cu.Version()%1000/10)
	info.Peers = peers(d.gpu)
	if d.closed {
		return info
	}
	d.do(func() error {
		info.FreeBytes, info.TotalBytes, err = cu.MemInfo()
		return nil
	})
	return info
}

// peers are the GPUs whose memory a GPU can read directly.
func peers(gpu cu.Device) []string {
	n, err := cu.NumDevices()
	if err != nil {
		return nil
	}
	var names []string
	for i := range n {
		other, err := cu.GetDevice(i)
		if err != nil || other == gpu {
			continue
		}
		if can, err := gpu.CanAccessPeer(other); err == nil && can != 0 {
			names = append(names, fmt.Sprintf("cuda:%d", i))
		}
	}
	return names
}
