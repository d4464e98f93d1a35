// ends.cpp: what is freed, destroyed or left while it is in use, and what a program leaves behind.
#include "harness.h"

#include <stdlib.h>
#include <unistd.h>

// freed frees memory that a kernel uses, after waiting for the kernel or before.
static void freed(bool waits) {
    Gpu g;
    CUdeviceptr x;
    const CUdeviceptr y = g.floats(64, 0.f);
    OK(cuMemAlloc(&x, 256));
    OK(cuMemsetD32Async(x, 0, 64, g.stream));
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    if (waits) OK(cuStreamSynchronize(g.stream));
    OK(cuMemFree(x));
    g.close();
}
CASE(freed_in_use, both, ENVIRONMENT(),
     SAYS("freed in use: cuMemFree of allocation", "of 256 bytes of device 0, of which",
          "on stream 1 of device 0, context 1", "the host has not waited for it")) {
    freed(false);
}
CASE(freed_in_use_late, both, ENVIRONMENT("DUET_SIM_DELAY=2000", "DUET_SIM_SEED=1"),
     SAYS("freed in use: cuMemFree of allocation")) {
    freed(false);
}
CASE(freed_after_use, both, ENVIRONMENT("DUET_SIM_DELAY=2000", "DUET_SIM_SEED=1"), SAYS()) { freed(true); }

// written changes a byte of pinned memory after a copy from it was enqueued, or after the copy was waited for.
static void written(bool waits) {
    Gpu g;
    unsigned char *pinned;
    CUevent e;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    OK(cuMemHostAlloc((void **)&pinned, 10000, CU_MEMHOSTALLOC_PORTABLE));
    const CUdeviceptr x = g.floats(2500, 1.f);
    for (int round = 0; round < 3; round++) {
        pinned[round] = (unsigned char)round;
        OK(cuMemcpyHtoDAsync(x, pinned, 10000, g.stream));
        OK(cuEventRecord(e, g.stream));
        if (!waits && round == 1) pinned[5000] ^= 1;
        OK(cuEventSynchronize(e));
    }
    OK(cuEventDestroy(e));
    OK(cuMemFreeHost(pinned));
    g.close();
}
CASE(written_in_use, both, ENVIRONMENT(),
     SAYS("written in use: bytes 4096 to 8191 of pinned allocation",
          "of 10000 bytes: the host wrote there before it had waited for cuMemcpyHtoDAsync on stream 1")) {
    written(false);
}
CASE(written_in_use_late, both, ENVIRONMENT("DUET_SIM_DELAY=2000", "DUET_SIM_SEED=1"),
     SAYS("written in use: bytes 4096 to 8191")) {
    written(false);
}
CASE(written_after_use, both, ENVIRONMENT("DUET_SIM_DELAY=2000", "DUET_SIM_SEED=1"), SAYS()) { written(true); }

// passed_on copies from pinned memory what an earlier copy brings there, so that what is to be read is known only when
// the copy runs: the device's memory, which is the host's, tells when it did.
static void passed_on(bool waits) {
    Gpu g;
    unsigned char *pinned;
    OK(cuMemHostAlloc((void **)&pinned, 1024, 0));
    const CUdeviceptr x = g.floats(256, 1.f), y = g.floats(256, 0.f);
    for (int round = 0; round < 2; round++) {
        OK(cuMemcpyDtoHAsync(pinned, x, 1024, g.stream));
        OK(cuMemcpyHtoDAsync(y, pinned, 1024, g.stream));
        OK(cuMemsetD32Async(x, 7, 256, g.stream)); // the next round writes other bytes to the memory that was read
    }
    const volatile unsigned *last = (const unsigned *)(y + 1020);
    while (*last != 7) usleep(100);
    if (waits) OK(cuStreamSynchronize(g.stream));
    pinned[3] = 9;
    OK(cuStreamSynchronize(g.stream));
    OK(cuMemFreeHost(pinned));
    g.close();
}
CASE(passed_on_in_use, both, ENVIRONMENT(),
     SAYS("written in use: bytes 0 to 1023 of pinned allocation", "cuMemcpyHtoDAsync on stream 1")) {
    passed_on(false);
}
CASE(passed_on_after_use, both, ENVIRONMENT("DUET_SIM_DELAY=2000", "DUET_SIM_SEED=1"), SAYS()) { passed_on(true); }

static void destroyed(bool waits) {
    Gpu g;
    CUstream s;
    CUevent e;
    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    const CUdeviceptr x = g.floats(64, 1.f);
    OK(cuMemsetD8Async(x, 0, 256, s));
    OK(cuEventRecord(e, s));
    if (waits) OK(cuEventSynchronize(e));
    OK(cuEventDestroy(e));
    OK(cuStreamDestroy(s));
    g.close();
}
CASE(destroyed_in_use, both, ENVIRONMENT(),
     SAYS("destroyed in use: cuEventDestroy of an event whose record the host has not waited for, after "
          "cuMemsetD8Async on stream 2",
          "destroyed in use: cuStreamDestroy of a stream whose work the host has not waited for, cuMemsetD8Async on "
          "stream 2")) {
    destroyed(false);
}
CASE(destroyed_after_use, both, ENVIRONMENT("DUET_SIM_DELAY=2000", "DUET_SIM_SEED=1"), SAYS()) { destroyed(true); }

static void capturing(bool ends, bool stream_first) {
    Gpu g;
    CUgraph graph;
    const CUdeviceptr x = g.floats(64, 1.f);
    OK(cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuMemsetD8Async(x, 0, 4, g.stream));
    if (ends) {
        OK(cuStreamEndCapture(g.stream, &graph));
        OK(cuGraphDestroy(graph));
    }
    if (stream_first) OK(cuStreamDestroy(g.stream));
    OK(cuMemFree(x));
    for (CUmodule m : g.modules) OK(cuModuleUnload(m));
    if (!stream_first && ends) OK(cuStreamDestroy(g.stream));
    OK(cuCtxDestroy(g.context));
}
CASE(stream_destroyed_in_capture, both, ENVIRONMENT(),
     SAYS("capture: cuStreamDestroy of a stream that is capturing: cuStreamEndCapture did not end it")) {
    capturing(false, true);
}
CASE(capture_left_open, both, ENVIRONMENT(),
     SAYS("capture: device 0, context 1 ended with a stream that is capturing")) {
    capturing(false, false);
}
CASE(capture_ended, both, ENVIRONMENT(), SAYS()) { capturing(true, false); }

CASE(graph_left, both, ENVIRONMENT(), SAYS("leak: device 0, context 1 ended with 1 captured graphs")) {
    Gpu g;
    CUgraph graph;
    OK(cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuStreamEndCapture(g.stream, &graph));
    g.close();
}

CASE(context_left, both, ENVIRONMENT(),
     SAYS("leak: device 0, context 1 ended with 1 allocations of 100 bytes",
          "leak: device 0, context 1 ended with 2 modules",
          "leak: device 0, context 1 was not destroyed when the process ended")) {
    static Gpu g;
    CUdeviceptr p;
    OK(cuMemAlloc(&p, 100));
    exit(0);
}
CASE(primary_context_left, both, ENVIRONMENT(), SAYS("leak: device 1 was not released when the process ended")) {
    CUcontext c;
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&c, 1));
}
CASE(nothing_left, both, ENVIRONMENT(), SAYS()) {
    Gpu g;
    OK(cuCtxSynchronize());
    g.close();
    exit(0);
}

static void recorded(bool first) {
    Gpu g;
    CUevent e;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    if (first) OK(cuEventRecord(e, g.stream));
    OK(cuStreamWaitEvent(g.stream, e, 0));
    OK(cuStreamSynchronize(g.stream));
    OK(cuEventDestroy(e));
    g.close();
}
CASE(unrecorded_event, both, ENVIRONMENT(), SAYS("unrecorded event: cuStreamWaitEvent on device 0, context 1")) {
    recorded(false);
}
CASE(recorded_event, both, ENVIRONMENT(), SAYS()) { recorded(true); }

static void copied(bool pinned) {
    Gpu g;
    static float memory[64];
    void *p = memory;
    if (pinned) OK(cuMemAllocHost(&p, sizeof memory));
    const CUdeviceptr x = g.empty(64);
    OK(cuMemcpyHtoDAsync(x, p, 256, g.stream));
    OK(cuStreamSynchronize(g.stream));
    if (pinned) OK(cuMemFreeHost(p));
    g.close();
}
CASE(pageable_copy, both, ENVIRONMENT(),
     SAYS("pageable memory: cuMemcpyHtoDAsync on device 0, context 1 with memory of the host that is not pinned")) {
    copied(false);
}
CASE(pinned_copy, both, ENVIRONMENT(), SAYS()) { copied(true); }
