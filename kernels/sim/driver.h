// driver.h: what the files of the driver's functions share.
#pragma once

#include "context.h"
#include "diagnose.h"
#include "memory.h"
#include "stream.h"

#include <cuda.h>

// DRIVER_CALL begins the definition of a function that the library exports. cuda.h's macros make cuMemAlloc
// cuMemAlloc_v2 and so on, as for every program.
#define DRIVER_CALL extern "C" __attribute__((visibility("default"))) CUresult CUDAAPI

// ENTER takes the driver's lock and finds the current context, or returns what stands against the call.
#define ENTER                                                                                                          \
    sim::Hold hold(sim::driver().lock);                                                                                \
    sim::Context *context = nullptr;                                                                                   \
    if (const CUresult entering = sim::entered(__func__, &context)) return entering

#define RETURN_IF_FAILED(call)                                                                                         \
    do {                                                                                                               \
        if (const CUresult result = (call)) return result;                                                             \
    } while (0)

namespace sim {

// enter_stream finds a stream of the current context for a new operation.
inline CUresult enter_stream(Context *context, CUstream handle, const char *function, StreamRef *stream) {
    RETURN_IF_FAILED(stream_of(context, handle, function, stream));
    return order_legacy(*stream, function);
}

// known_device says whether an ordinal is one of a device.
bool known_device(CUdevice device);

} // namespace sim
