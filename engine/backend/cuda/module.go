//go:build gpu

package cuda

import (
	"fmt"
	"strconv"
	"strings"

	"gorgonia.org/cu"

	"duet/kernels"
	"duet/kernels/ptxinfo"
)

// function is an entry of the PTX, compiled for a device.
type function struct {
	handle cu.Function
	entry  ptxinfo.Entry
}

// modules are a context's compiled PTX. A module is compiled when a kernel of it is first wanted; the driver keeps what
// it compiled for the next time.
type modules struct {
	d         *device
	sources   []kernels.Module
	loaded    map[string]cu.Module
	functions map[string]*function
}

func newModules(d *device) (*modules, error) {
	all, err := kernels.Modules()
	if err != nil {
		return nil, err
	}
	if err := agree(all); err != nil {
		return nil, err
	}
	return &modules{d: d, sources: all, loaded: map[string]cu.Module{}, functions: map[string]*function{}}, nil
}

// function finds and compiles an entry.
func (m *modules) function(name string) (*function, error) {
	if f := m.functions[name]; f != nil {
		return f, nil
	}
	for _, source := range m.sources {
		for _, e := range source.Info.Entries {
			if e.Name != name {
				continue
			}
			f := &function{entry: e}
			err := m.d.do(func() (err error) {
				module, err := m.load(source)
				if err != nil {
					return err
				}
				if f.handle, err = module.Function(name); err != nil {
					return fmt.Errorf("cuModuleGetFunction: %w", err)
				}
				return allowShared(f.handle, m.d.limits.shared-e.SharedBytes)
			})
			if err != nil {
				return nil, err
			}
			m.functions[name] = f
			return f, nil
		}
	}
	return nil, fmt.Errorf("the PTX has no such entry: run make kernels, and build again")
}

// load compiles a module in the current context.
func (m *modules) load(source kernels.Module) (cu.Module, error) {
	if loaded, ok := m.loaded[source.Name]; ok {
		return loaded, nil
	}
	if needs, err := capabilityOf(source.Info.Target); err != nil {
		return cu.Module{}, fmt.Errorf("%s.ptx: %w", source.Name, err)
	} else if needs > m.d.capability {
		return cu.Module{}, fmt.Errorf("%s.ptx is for compute capability %d.%d and later, and the device has %d.%d",
			source.Name, needs/10, needs%10, m.d.capability/10, m.d.capability%10)
	}
	if err := uncached(); err != nil {
		m.d.without("a cache of compiled kernels, so that every start compiles them again", err)
	}
	loaded, err := loadModule(source.Text)
	if err != nil {
		return cu.Module{}, fmt.Errorf("compile %s.ptx: %w", source.Name, err)
	}
	m.loaded[source.Name] = loaded
	return loaded, nil
}

// unload gives the modules back; the context must be current.
func (m *modules) unload() error {
	for name, module := range m.loaded {
		if err := module.Unload(); err != nil {
			return fmt.Errorf("unload %s.ptx: %w", name, err)
		}
	}
	m.loaded, m.functions = nil, nil
	return nil
}

// capabilityOf is the compute capability of a target such as sm_80: 80.
func capabilityOf(target string) (int, error) {
	digits := strings.TrimRight(strings.TrimPrefix(target, "sm_"), "af")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("target %q", target)
	}
	return n, nil
}
