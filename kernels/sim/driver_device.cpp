// driver_device.cpp: cuInit and the cuDevice functions.
#include "driver.h"
#include "execute.h"
#include "module.h"
#include "report.h"
#include "settings.h"

#include <map>
#include <stdio.h>
#include <string.h>

using namespace sim;

namespace sim {

bool known_device(CUdevice device) { return device >= 0 && device < settings().devices; }

namespace {

enum { driver_version = 12090 };

CUresult initialised() { return driver().initialised ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED; }

CUresult check(CUdevice device) {
    RETURN_IF_FAILED(initialised());
    return known_device(device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

// attributes are those of an A100 where the compute capability does not say otherwise.
std::map<int, int> attributes(CUdevice device) {
    const Limits l = limits();
    return {
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, (int)l.threads_per_block},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 0x7fffffff},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, (int)l.shared_per_block},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, (int)l.shared_per_block_optin},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, (int)l.shared_per_multiprocessor},
        {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1024},
        {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536},
        {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, (int)l.registers_per_multiprocessor},
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, (int)l.threads_per_multiprocessor},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, (int)l.blocks_per_multiprocessor},
        {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, (int)l.multiprocessors},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, settings().capability / 10},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, settings().capability % 10},
        {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1410000},        // kHz
        {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1215000}, // kHz; 1555 GB/s with both edges and the bus
        {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 5120},
        {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 40 << 20},
        {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 2},
        {CU_DEVICE_ATTRIBUTE_GPU_OVERLAP, 1},
        {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
        {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
        {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
        {CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, 0},
        {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 0},
        {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 0},
        {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 0},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, CU_COMPUTEMODE_DEFAULT},
        {CU_DEVICE_ATTRIBUTE_INTEGRATED, 0},
        {CU_DEVICE_ATTRIBUTE_ECC_ENABLED, 1},
        {CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT, 0},
        {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 0x7fffffff},
        {CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT, 512},
        {CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, device + 1},
        {CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, 0},
        {CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, 0},
        {CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO, 2},
    };
}

} // namespace

} // namespace sim

DRIVER_CALL cuInit(unsigned flags) {
    Hold hold(driver().lock);
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    if (!settings_problem().empty()) {
        fprintf(stderr, "duet sim: %s\n", settings_problem().c_str());
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (settings().devices == 0) return CUDA_ERROR_NO_DEVICE;
    if (driver().initialised) return CUDA_SUCCESS;
    driver().devices.resize((size_t)settings().devices);
    catch_faults();
    driver().initialised = true;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDriverGetVersion(int *version) {
    if (!version) return CUDA_ERROR_INVALID_VALUE;
    *version = driver_version;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceGetCount(int *count) {
    RETURN_IF_FAILED(initialised());
    if (!count) return CUDA_ERROR_INVALID_VALUE;
    *count = settings().devices;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceGet(CUdevice *device, int ordinal) {
    RETURN_IF_FAILED(check(ordinal));
    if (!device) return CUDA_ERROR_INVALID_VALUE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceGetName(char *name, int length, CUdevice device) {
    RETURN_IF_FAILED(check(device));
    if (!name || length < 1) return CUDA_ERROR_INVALID_VALUE;
    snprintf(name, (size_t)length, "duet simulated GPU %d", device);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceTotalMem(size_t *bytes, CUdevice device) {
    RETURN_IF_FAILED(check(device));
    if (!bytes) return CUDA_ERROR_INVALID_VALUE;
    *bytes = settings().memory;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
    RETURN_IF_FAILED(check(device));
    if (!value) return CUDA_ERROR_INVALID_VALUE;
    const auto known = attributes(device);
    const auto found = known.find((int)attribute);
    if (found == known.end()) {
        note("cuDeviceGetAttribute: attribute %d is not modelled, and answered with 0", (int)attribute);
        *value = 0;
        return CUDA_SUCCESS;
    }
    *value = found->second;
    return CUDA_SUCCESS;
}

static CUresult uuid_of(CUuuid *uuid, CUdevice device) {
    RETURN_IF_FAILED(check(device));
    if (!uuid) return CUDA_ERROR_INVALID_VALUE;
    memcpy(uuid->bytes, "duet-simulated-0", sizeof uuid->bytes);
    uuid->bytes[15] = (char)('0' + device);
    return CUDA_SUCCESS;
}

#undef cuDeviceGetUuid
DRIVER_CALL cuDeviceGetUuid(CUuuid *uuid, CUdevice device) { return uuid_of(uuid, device); }
DRIVER_CALL cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) { return uuid_of(uuid, device); }

DRIVER_CALL cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
    RETURN_IF_FAILED(check(device));
    if (!id || length < 13) return CUDA_ERROR_INVALID_VALUE;
    snprintf(id, (size_t)length, "0000:%02X:00.0", device + 1);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
    RETURN_IF_FAILED(check(device));
    RETURN_IF_FAILED(check(peer));
    if (!can) return CUDA_ERROR_INVALID_VALUE;
    *can = settings().peer && device != peer;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDeviceGetP2PAttribute(int *value, CUdevice_P2PAttribute attribute, CUdevice from, CUdevice to) {
    RETURN_IF_FAILED(check(from));
    RETURN_IF_FAILED(check(to));
    if (!value || from == to) return CUDA_ERROR_INVALID_VALUE;
    *value = settings().peer && attribute != CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK;
    return CUDA_SUCCESS;
}

// duet_sim_report writes the report now; a test may look it up with dlsym.
extern "C" __attribute__((visibility("default"))) void duet_sim_report() { write_report(true); }
