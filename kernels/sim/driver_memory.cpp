// driver_memory.cpp: allocations, of devices and pinned ones.
#include "driver.h"
#include "fault.h"
#include "settings.h"

using namespace sim;

namespace {

CUresult make(Context *context, size_t bytes, bool host, bool portable, uintptr_t *address) {
    if (!bytes) return CUDA_ERROR_INVALID_VALUE;
    const CUresult injected = inject(context, Called::alloc);
    RETURN_IF_FAILED(failure(context));
    RETURN_IF_FAILED(injected);
    Device &d = driver().devices[(size_t)context->device];
    if (!host && bytes > settings().memory - d.used) return CUDA_ERROR_OUT_OF_MEMORY;
    auto a = allocate(bytes, host, portable, context, context->device);
    if (!a) return CUDA_ERROR_OUT_OF_MEMORY;
    if (!host) d.used += bytes;
    account(*a, false);
    *address = a->address;
    return CUDA_SUCCESS;
}

// to_free finds an allocation by where it begins.
CUresult to_free(Context *context, uintptr_t p, bool host, const char *function, std::shared_ptr<Allocation> *found) {
    auto a = find(p);
    if (!a || a->host != host || a->address != p) {
        const bool twice = !a && find_freed(p);
        diagnose(twice ? "double free" : "bad free", "%s of 0x%zx: %s", function, (size_t)p,
                 describe_address(p).c_str());
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (a->context != context && !(host && a->portable)) {
        diagnose("wrong context", "%s: %s, but %s is current", function, describe(*a).c_str(), context->name.c_str());
        return CUDA_ERROR_INVALID_VALUE;
    }
    *found = a;
    return CUDA_SUCCESS;
}

// report_use says that work may still use what is freed. The driver waits for it, but only for its own context's.
void report_use(Allocation &a, const char *function) {
    History::Conflict c;
    std::unique_lock<std::mutex> hold(a.lock);
    if (!a.history.unknown(driver().host, &c)) return;
    hold.unlock();
    diagnose("freed in use", "%s of %s, of which %s %s byte %zu: the host has not waited for it", function,
             describe(a).c_str(), name_of(c.other).c_str(), c.other_wrote ? "writes" : "reads", c.offset);
}

CUresult give_back(Hold &hold, Context *context, uintptr_t p, bool host, const char *function) {
    RETURN_IF_FAILED(unsafe_in_capture(function));
    std::shared_ptr<Allocation> a;
    RETURN_IF_FAILED(to_free(context, p, host, function, &a));
    report_use(*a, function);
    synchronize_all(hold, context); // as the driver does, before anything is freed
    if (a->freed) return CUDA_ERROR_INVALID_VALUE;
    if (!host) driver().devices[(size_t)a->device].used -= a->bytes;
    account(*a, true);
    release(a);
    return failure(context);
}

CUresult attribute(void *value, CUpointer_attribute what, const Allocation &a, uintptr_t p) {
    switch (what) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        *static_cast<CUcontext *>(value) = reinterpret_cast<CUcontext>(a.context);
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        *static_cast<unsigned *>(value) = a.host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: *static_cast<CUdeviceptr *>(value) = p; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        if (!a.host) return CUDA_ERROR_INVALID_VALUE;
        *static_cast<void **>(value) = reinterpret_cast<void *>(p);
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: *static_cast<unsigned *>(value) = 0; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: *static_cast<int *>(value) = a.device; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: *static_cast<unsigned long long *>(value) = a.number; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: *static_cast<CUdeviceptr *>(value) = a.address; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: *static_cast<size_t *>(value) = a.bytes; return CUDA_SUCCESS;
    default: return CUDA_ERROR_NOT_SUPPORTED;
    }
}

} // namespace

DRIVER_CALL cuMemAlloc(CUdeviceptr *p, size_t bytes) {
    ENTER;
    if (!p) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(unsafe_in_capture("cuMemAlloc"));
    uintptr_t address;
    RETURN_IF_FAILED(make(context, bytes, false, false, &address));
    *p = address;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuMemFree(CUdeviceptr p) {
    ENTER;
    return p ? give_back(hold, context, p, false, "cuMemFree") : CUDA_SUCCESS;
}

DRIVER_CALL cuMemHostAlloc(void **p, size_t bytes, unsigned flags) {
    ENTER;
    const unsigned known = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
    if (!p || (flags & ~known)) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(unsafe_in_capture("cuMemHostAlloc"));
    uintptr_t address;
    RETURN_IF_FAILED(make(context, bytes, true, (flags & CU_MEMHOSTALLOC_PORTABLE) != 0, &address));
    *p = reinterpret_cast<void *>(address);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuMemAllocHost(void **p, size_t bytes) { return cuMemHostAlloc(p, bytes, 0); }

DRIVER_CALL cuMemFreeHost(void *p) {
    ENTER;
    return give_back(hold, context, reinterpret_cast<uintptr_t>(p), true, "cuMemFreeHost");
}

DRIVER_CALL cuMemHostGetDevicePointer(CUdeviceptr *device, void *host, unsigned flags) {
    ENTER;
    auto a = find(reinterpret_cast<uintptr_t>(host));
    if (!device || flags || !a || !a->host) return CUDA_ERROR_INVALID_VALUE;
    *device = reinterpret_cast<CUdeviceptr>(host);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuMemGetInfo(size_t *available, size_t *total) {
    ENTER;
    if (available) *available = settings().memory - driver().devices[(size_t)context->device].used;
    if (total) *total = settings().memory;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuMemGetAddressRange(CUdeviceptr *begin, size_t *bytes, CUdeviceptr p) {
    ENTER;
    auto a = find(p);
    if (!a) return CUDA_ERROR_NOT_FOUND;
    if (begin) *begin = a->address;
    if (bytes) *bytes = a->bytes;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuPointerGetAttribute(void *value, CUpointer_attribute what, CUdeviceptr p) {
    ENTER;
    auto a = find(p);
    if (!value || !a) return CUDA_ERROR_INVALID_VALUE;
    return attribute(value, what, *a, p);
}
