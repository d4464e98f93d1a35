// driver_context.cpp: contexts, primary and made, and peer access between them.
#include "driver.h"
#include "capture.h"
#include "settings.h"

#include <algorithm>

using namespace sim;

namespace {

Context *known(CUcontext handle) {
    Context *c = reinterpret_cast<Context *>(handle);
    return driver().contexts.count(c) ? c : nullptr;
}

CUresult check_device(CUdevice device) {
    if (!driver().initialised) return CUDA_ERROR_NOT_INITIALIZED;
    if (!known_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    return driver().devices[(size_t)device].lost;
}

CUcontext handle_of(Context *c) { return reinterpret_cast<CUcontext>(c); }

} // namespace

DRIVER_CALL cuCtxCreate(CUcontext *made, unsigned flags, CUdevice device) {
    Hold hold(driver().lock);
    RETURN_IF_FAILED(check_device(device));
    if (!made) return CUDA_ERROR_INVALID_VALUE;
    Context *c = make_context(device, false, flags);
    context_stack().push_back(c);
    *made = handle_of(c);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxDestroy(CUcontext handle) {
    Context *c;
    {
        Hold hold(driver().lock);
        c = known(handle);
        if (!c || c->primary) {
            diagnose("wrong context", "cuCtxDestroy: %s",
                     c ? "a primary context" : "not a context, or a destroyed one");
            return CUDA_ERROR_INVALID_CONTEXT;
        }
    }
    destroy(c);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDevicePrimaryCtxRetain(CUcontext *retained, CUdevice device) {
    Hold hold(driver().lock);
    RETURN_IF_FAILED(check_device(device));
    if (!retained) return CUDA_ERROR_INVALID_VALUE;
    Device &d = driver().devices[(size_t)device];
    if (!d.primary) d.primary = make_context(device, true, d.primary_flags);
    d.retained++;
    *retained = handle_of(d.primary);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDevicePrimaryCtxRelease(CUdevice device) {
    Context *last;
    {
        Hold hold(driver().lock);
        if (!known_device(device)) return CUDA_ERROR_INVALID_DEVICE;
        Device &d = driver().devices[(size_t)device];
        if (!d.retained) {
            diagnose("wrong context", "cuDevicePrimaryCtxRelease: device %d's primary context is not retained", device);
            return CUDA_ERROR_INVALID_CONTEXT;
        }
        if (--d.retained) return CUDA_SUCCESS;
        last = d.primary;
        d.primary = nullptr;
    }
    destroy(last);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDevicePrimaryCtxReset(CUdevice device) {
    Context *c;
    {
        Hold hold(driver().lock);
        if (!known_device(device)) return CUDA_ERROR_INVALID_DEVICE;
        Device &d = driver().devices[(size_t)device];
        c = d.primary;
        d.primary = nullptr, d.retained = 0;
    }
    if (c) destroy(c);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
    Hold hold(driver().lock);
    if (!known_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    const Device &d = driver().devices[(size_t)device];
    if (flags) *flags = d.primary_flags;
    if (active) *active = d.primary != nullptr;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags) {
    Hold hold(driver().lock);
    if (!known_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    driver().devices[(size_t)device].primary_flags = flags;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxSetCurrent(CUcontext handle) {
    Hold hold(driver().lock);
    auto &stack = context_stack();
    if (!handle) {
        if (!stack.empty()) stack.pop_back();
        return CUDA_SUCCESS;
    }
    Context *c = known(handle);
    if (!c) {
        diagnose("wrong context", "cuCtxSetCurrent: not a context, or a destroyed one");
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (stack.empty()) stack.push_back(c);
    else stack.back() = c;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxPushCurrent(CUcontext handle) {
    Hold hold(driver().lock);
    Context *c = known(handle);
    if (!c) {
        diagnose("wrong context", "cuCtxPushCurrent: not a context, or a destroyed one");
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    context_stack().push_back(c);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxPopCurrent(CUcontext *popped) {
    auto &stack = context_stack();
    if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    if (popped) *popped = handle_of(stack.back());
    stack.pop_back();
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxGetCurrent(CUcontext *context) {
    if (!context) return CUDA_ERROR_INVALID_VALUE;
    *context = handle_of(current());
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxGetDevice(CUdevice *device) {
    Hold hold(driver().lock);
    Context *c = current();
    if (!c || !driver().contexts.count(c)) return CUDA_ERROR_INVALID_CONTEXT;
    if (!device) return CUDA_ERROR_INVALID_VALUE;
    *device = c->device;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxGetFlags(unsigned *flags) {
    ENTER;
    if (!flags) return CUDA_ERROR_INVALID_VALUE;
    *flags = context->flags;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxGetApiVersion(CUcontext handle, unsigned *version) {
    Hold hold(driver().lock);
    if (!known(handle ? handle : handle_of(current()))) return CUDA_ERROR_INVALID_CONTEXT;
    if (!version) return CUDA_ERROR_INVALID_VALUE;
    *version = 3020; // what contexts of cuCtxCreate_v2 have
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxSynchronize() {
    ENTER;
    RETURN_IF_FAILED(unsafe_in_capture("cuCtxSynchronize"));
    synchronize_all(hold, context);
    return failure(context);
}

DRIVER_CALL cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    ENTER;
    if (least) *least = 0;
    if (greatest) *greatest = 0;
    return CUDA_SUCCESS;
}

// Preferences that change nothing here.
DRIVER_CALL cuCtxSetCacheConfig(CUfunc_cache) {
    ENTER;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxSetSharedMemConfig(CUsharedconfig) {
    ENTER;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
    ENTER;
    Context *to = known(peer);
    if (!to || to == context) {
        diagnose("wrong context", "cuCtxEnablePeerAccess: %s",
                 to ? "the current context itself" : "not a context, or a destroyed one");
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    if (to->device == context->device || !settings().peer) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
    return context->peers.insert(to).second ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
}

DRIVER_CALL cuCtxDisablePeerAccess(CUcontext peer) {
    ENTER;
    return context->peers.erase(reinterpret_cast<Context *>(peer)) ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
}
