//go:build gpu

package cuda

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <math.h>
// #include <stdlib.h>
//
// // What is used of NVML, as nvml.h has it.
// typedef void *nvml_device;
// typedef struct { unsigned gpu, memory; } nvml_utilization; // percent
//
// static int (*by_bus)(const char *, nvml_device *);
// static int (*temperature)(nvml_device, int, unsigned *);
// static int (*power)(nvml_device, unsigned *);
// static int (*utilization)(nvml_device, nvml_utilization *);
//
// // nvml_open finds NVML, which comes with the driver; 0 where it is not there or does not start.
// static int nvml_open(const char *file) {
//     void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
//     if (!library) return 0;
//     int (*init)(void) = (int (*)(void))dlsym(library, "nvmlInit_v2");
//     by_bus = (int (*)(const char *, nvml_device *))dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2");
//     temperature = (int (*)(nvml_device, int, unsigned *))dlsym(library, "nvmlDeviceGetTemperature");
//     power = (int (*)(nvml_device, unsigned *))dlsym(library, "nvmlDeviceGetPowerUsage");
//     utilization = (int (*)(nvml_device, nvml_utilization *))dlsym(library, "nvmlDeviceGetUtilizationRates");
//     return init && by_bus && init() == 0;
// }
//
// // nvml_read asks for the sensors of the GPU at a PCI address; what it does not have stays NaN. 0: no such GPU.
// static int nvml_read(const char *bus, double *celsius, double *watts, double *busy) {
//     nvml_device device;
//     unsigned degrees, milliwatts;
//     nvml_utilization share;
//     *celsius = *watts = *busy = NAN;
//     if (by_bus(bus, &device)) return 0;
//     if (temperature && !temperature(device, 0, &degrees)) *celsius = degrees; // sensor 0 is the chip's
//     if (power && !power(device, &milliwatts)) *watts = milliwatts / 1e3;
//     if (utilization && !utilization(device, &share)) *busy = share.gpu / 1e2;
//     return 1;
// }
import "C"

import (
	"cmp"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"gorgonia.org/cu"

	"duet/engine/backend"
	"duet/engine/metrics"
)

// withNVML says whether NVML is there: libnvidia-ml.so.1, or the library that DUET_NVML names.
var withNVML = sync.OnceValue(func() bool {
	file := C.CString(cmp.Or(os.Getenv("DUET_NVML"), "libnvidia-ml.so.1"))
	defer C.free(unsafe.Pointer(file))
	return C.nvml_open(file) != 0
})

// sensors reads those of a GPU; nil where NVML is not there, or does not know it.
func sensors(gpu cu.Device) *backend.Sensors {
	if !withNVML() {
		return nil
	}
	var at [3]int
	for i, a := range []cu.DeviceAttribute{cu.PciDomainID, cu.PciBusID, cu.PciDeviceID} {
		n, err := gpu.Attribute(a)
		if err != nil {
			return nil
		}
		at[i] = n
	}
	bus := C.CString(fmt.Sprintf("%08x:%02x:%02x.0", at[0], at[1], at[2]))
	defer C.free(unsafe.Pointer(bus))
	var celsius, watts, busy C.double
	if C.nvml_read(bus, &celsius, &watts, &busy) == 0 {
		return nil
	}
	return &backend.Sensors{Celsius: metrics.Number(celsius), Watts: metrics.Number(watts), Busy: metrics.Number(busy)}
}
