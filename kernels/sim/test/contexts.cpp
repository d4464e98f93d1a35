// contexts.cpp: devices, contexts, streams and events.
#include "harness.h"

#include <string.h>
#include <thread>
#include <unistd.h>

CASE(devices, both, ENVIRONMENT("DUET_SIM_DEVICES=3", "DUET_SIM_CAPABILITY=7.0"), SAYS()) {
    int n, v;
    GIVES(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&n));
    OK(cuInit(0));
    OK(cuDeviceGetCount(&n));
    CHECK(n == 3);
    CUdevice d;
    OK(cuDeviceGet(&d, 2));
    GIVES(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&d, 3));
    char name[64], bus[16];
    OK(cuDeviceGetName(name, sizeof name, d));
    CHECK(!strcmp(name, "duet simulated GPU 2"));
    OK(cuDeviceGetPCIBusId(bus, sizeof bus, d));
    CHECK(!strcmp(bus, "0000:03:00.0"));
    OK(cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, d));
    CHECK(v == 7);
    OK(cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, d));
    CHECK(v == 108);
    OK(cuDeviceCanAccessPeer(&v, 0, 2));
    CHECK(v == 1);
    CUuuid a, b;
    OK(cuDeviceGetUuid(&a, 0));
    OK(cuDeviceGetUuid(&b, 1));
    CHECK(memcmp(&a, &b, sizeof a));
    OK(cuDriverGetVersion(&v));
    CHECK(v >= 12000);
}

CASE(no_device, both, ENVIRONMENT("DUET_SIM_DEVICES=0"), SAYS()) { GIVES(CUDA_ERROR_NO_DEVICE, cuInit(0)); }

CASE(primary_context, both, ENVIRONMENT(),
     SAYS("wrong context: cuDevicePrimaryCtxRelease: device 1's primary context is not retained")) {
    OK(cuInit(0));
    CUcontext a, b;
    unsigned flags;
    int active;
    OK(cuDevicePrimaryCtxSetFlags(1, CU_CTX_SCHED_YIELD));
    OK(cuDevicePrimaryCtxGetState(1, &flags, &active));
    CHECK(flags == CU_CTX_SCHED_YIELD && !active);
    OK(cuDevicePrimaryCtxRetain(&a, 1));
    OK(cuDevicePrimaryCtxRetain(&b, 1));
    CHECK(a == b);
    OK(cuCtxSetCurrent(a));
    CUdevice d;
    OK(cuCtxGetDevice(&d));
    CHECK(d == 1);
    OK(cuDevicePrimaryCtxRelease(1));
    OK(cuCtxSynchronize());
    OK(cuDevicePrimaryCtxRelease(1));
    GIVES(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease(1));
}

CASE(context_stack, both, ENVIRONMENT(), SAYS()) {
    Gpu a(0), b(1);
    CUcontext c;
    unsigned version;
    OK(cuCtxGetCurrent(&c));
    CHECK(c == b.context);
    OK(cuCtxPushCurrent(a.context));
    OK(cuCtxGetApiVersion(nullptr, &version));
    OK(cuCtxPopCurrent(&c));
    CHECK(c == a.context);
    OK(cuCtxGetCurrent(&c));
    CHECK(c == b.context);
    b.close();
    a.close();
}

CASE(no_context_on_a_thread, both, ENVIRONMENT(),
     SAYS("wrong context: cuMemAlloc_v2: no context is current on this thread")) {
    Gpu g;
    std::thread([] {
        CUdeviceptr p;
        GIVES(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc(&p, 4));
    }).join();
    g.close();
}

CASE(destroyed_context, both, ENVIRONMENT(),
     SAYS("wrong context: cuCtxSynchronize: the current context was destroyed",
          "wrong context: cuCtxSetCurrent: not a context")) {
    Gpu g;
    std::thread([&] {
        CUdeviceptr p;
        OK(cuCtxSetCurrent(g.context));
        OK(cuMemAlloc(&p, 4));
        OK(cuMemFree(p));
        std::thread([&] { g.close(); }).join();
        GIVES(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
        GIVES(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(g.context));
    }).join();
}

CASE(handles_of_another_context, both, ENVIRONMENT(),
     SAYS("wrong context: cuStreamSynchronize: a stream of device 0, context 1, but device 1, context 2 is current",
          "wrong context: cuEventRecord: an event of device 0",
          "wrong context: cuLaunchKernel: copy_element was loaded in device 0",
          "wrong context: cuMemFree: allocation")) {
    Gpu a(0);
    CUevent e;
    OK(cuEventCreate(&e, 0));
    const CUfunction f = a.kernel("copy_element");
    const CUdeviceptr p = a.empty(4);
    Gpu b(1);
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(a.stream));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(e, b.stream));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, b.stream, nullptr, nullptr));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemFree(p));
    b.close();
    a.use();
    OK(cuEventDestroy(e));
    a.close();
}

CASE(destroyed_handles, both, ENVIRONMENT(),
     SAYS("bad handle: cuStreamSynchronize", "bad handle: cuEventSynchronize", "bad handle: cuModuleGetFunction",
          "bad handle: cuFuncGetAttribute")) {
    Gpu g;
    CUstream s;
    CUevent e;
    CUmodule m;
    CUfunction f;
    int v;
    OK(cuStreamCreate(&s, 0));
    OK(cuStreamDestroy(s));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(s));
    OK(cuEventCreate(&e, 0));
    OK(cuEventDestroy(e));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuEventSynchronize(e));
    OK(cuModuleLoadData(&m, ptx("good").c_str()));
    OK(cuModuleGetFunction(&f, m, "saxpy"));
    OK(cuModuleUnload(m));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(&f, m, "saxpy"));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
    g.close();
}

CASE(peer_access, both, ENVIRONMENT(), SAYS()) {
    Gpu a(0), b(1), c(0);
    a.use();
    OK(cuCtxEnablePeerAccess(b.context, 0));
    GIVES(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(b.context, 0));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuCtxEnablePeerAccess(b.context, 1));
    GIVES(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(c.context, 0));
    OK(cuCtxDisablePeerAccess(b.context));
    GIVES(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, cuCtxDisablePeerAccess(b.context));
    a.close();
    b.close();
    c.close();
}
CASE(no_peer_access, both, ENVIRONMENT("DUET_SIM_PEER=0"), SAYS()) {
    Gpu a(0), b(1);
    int can;
    OK(cuDeviceCanAccessPeer(&can, 0, 1));
    CHECK(!can);
    GIVES(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(a.context, 0));
    b.close();
    a.close();
}

static void later(void *flag) {
    usleep(30000);
    *(volatile int *)flag = 1;
}

CASE(streams_run_by_themselves, both, ENVIRONMENT(), SAYS()) {
    Gpu g;
    volatile int done = 0;
    CUevent before, after;
    OK(cuEventCreate(&before, 0));
    OK(cuEventCreate(&after, 0));
    OK(cuEventQuery(before)); // never recorded
    OK(cuEventRecord(before, g.stream));
    OK(cuLaunchHostFunc(g.stream, later, (void *)&done));
    OK(cuEventRecordWithFlags(after, g.stream, 0));
    CHECK(!done);
    GIVES(CUDA_ERROR_NOT_READY, cuStreamQuery(g.stream));
    GIVES(CUDA_ERROR_NOT_READY, cuEventQuery(after));
    OK(cuEventSynchronize(before));
    CHECK(!done);
    OK(cuEventSynchronize(after));
    CHECK(done);
    OK(cuStreamQuery(g.stream));
    float ms;
    OK(cuEventElapsedTime(&ms, before, after));
    CHECK(ms >= 29.f && ms < 5000.f);
    OK(cuEventDestroy(before));
    OK(cuEventDestroy(after));
    g.close();
}

CASE(timing_may_be_disabled, both, ENVIRONMENT(),
     SAYS("unrecorded event: cuStreamWaitEvent on device 0, context 1 waits for an event that was never recorded")) {
    Gpu g;
    CUevent e, never;
    float ms;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    OK(cuEventCreate(&never, 0));
    OK(cuEventRecord(e, g.stream));
    OK(cuEventSynchronize(e));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&ms, e, e));
    GIVES(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&ms, never, never));
    OK(cuStreamWaitEvent(g.stream, never, 0));
    OK(cuEventDestroy(e));
    OK(cuEventDestroy(never));
    g.close();
}

// The legacy stream waits for blocking streams, and they for it; streams that do not block it are left alone.
CASE(legacy_stream, both, ENVIRONMENT(), SAYS()) {
    Gpu g;
    CUstream blocking;
    unsigned flags;
    volatile int done = 0;
    OK(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
    OK(cuStreamGetFlags(g.stream, &flags));
    CHECK(flags == CU_STREAM_NON_BLOCKING);
    const CUdeviceptr x = g.floats(64, 1.f), y = g.floats(64, 2.f), z = g.floats(64, 3.f);
    OK(cuLaunchHostFunc(blocking, later, (void *)&done));
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}, 0, blocking));
    OK(g.launch("copy_element", 1, 64, {bits(z), bits(y)}, 0, CU_STREAM_LEGACY));
    OK(cuMemcpyDtoDAsync(x, z, 256, blocking));
    OK(cuStreamSynchronize(blocking));
    CHECK(done);
    OK(cuStreamSynchronize(nullptr));
    CHECK(g.read(z, 64)[63] == 1.f);
    OK(cuStreamDestroy(blocking));
    g.close();
    CHECK(report().find("uses the legacy stream") != std::string::npos);
}
