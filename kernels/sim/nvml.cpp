// nvml.cpp: as much of NVML as a program needs that asks for sensors. It is a library of its own on a real machine;
// here DUET_NVML names this one. A device is 40 degrees warm and one more for its number, draws 70 watts and one more,
// and is never busy, so that a test can tell devices and sensors apart.
#include "driver.h"
#include "settings.h"

#include <atomic>
#include <stdio.h>

using namespace sim;

namespace {

enum { success = 0, uninitialized = 1, invalid_argument = 2, not_found = 6 };

std::atomic<int> started;

struct Utilization {
    unsigned gpu, memory; // percent
};

// number is a device's, from its handle, or -1.
int number(void *device) {
    const int n = (int)((char *)device - (char *)nullptr) - 1;
    return n >= 0 && n < settings().devices ? n : -1;
}

int answer(void *device, const void *to) {
    if (!started) return uninitialized;
    return number(device) < 0 || !to ? invalid_argument : success;
}

} // namespace

#define NVML_CALL extern "C" __attribute__((visibility("default"))) int

NVML_CALL nvmlInit_v2() {
    started++;
    return success;
}

NVML_CALL nvmlShutdown() {
    if (!started) return uninitialized;
    started--;
    return success;
}

NVML_CALL nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
    if (!started) return uninitialized;
    unsigned domain, at, slot;
    if (!bus || !device || sscanf(bus, "%x:%x:%x.0", &domain, &at, &slot) != 3) return invalid_argument;
    if (domain || slot || at < 1 || at > (unsigned)settings().devices) return not_found;
    *device = (char *)nullptr + at;
    return success;
}

NVML_CALL nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius) {
    if (const int failed = answer(device, celsius)) return failed;
    if (sensor) return invalid_argument;
    *celsius = 40 + (unsigned)number(device);
    return success;
}

NVML_CALL nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    if (const int failed = answer(device, milliwatts)) return failed;
    *milliwatts = 1000 * (70 + (unsigned)number(device));
    return success;
}

NVML_CALL nvmlDeviceGetUtilizationRates(void *device, Utilization *share) {
    if (const int failed = answer(device, share)) return failed;
    *share = {0, 0};
    return success;
}
