// graphs.cpp: capture and graphs.
#include "harness.h"

#include <thread>

static CUgraphExec end(Gpu &g, size_t nodes) {
    CUgraph graph;
    CUgraphExec exec;
    size_t n;
    OK(cuStreamEndCapture(g.stream, &graph));
    OK(cuGraphGetNodes(graph, nullptr, &n));
    CHECK(n == nodes);
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuGraphDestroy(graph));
    return exec;
}

CASE(graph, both, ENVIRONMENT("DUET_SIM_SEED=3"), SAYS()) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f), y = g.floats(64, 2.f), z = g.floats(64, 0.f);
    CUstreamCaptureStatus status;
    OK(cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    OK(cuStreamIsCapturing(g.stream, &status));
    CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
    OK(g.launch("saxpy", 1, 64, {bits(y), bits(x), bits(3.f), bits(64)}));
    OK(cuMemcpyDtoDAsync(z, y, 256, g.stream));
    OK(cuMemsetD32Async(x, (unsigned)bits(2.f), 64, g.stream));
    const CUgraphExec exec = end(g, 3);
    CHECK(g.read(z, 64)[0] == 0.f); // nothing has run
    OK(cuGraphLaunch(exec, g.stream));
    OK(cuGraphLaunch(exec, g.stream));
    CHECK(g.read(z, 64)[63] == 2.f + 3.f + 6.f);
    OK(cuGraphExecDestroy(exec));
    g.close();
    const std::string r = report();
    CHECK(r.find("\"graphs\": {\"captured\": 1, \"launched\": 2}") != std::string::npos);
    CHECK(r.find("\"saxpy\": 2") != std::string::npos);
}

// fork captures work of two streams, which an event lets run side by side, joined again or not.
static void fork(Gpu &g, CUstream other, CUevent e, CUdeviceptr *x, bool ordered) {
    OK(cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(g.launch("copy_element", 1, 64, {bits(x[1]), bits(x[0])}));
    OK(cuEventRecord(e, g.stream));
    OK(cuStreamWaitEvent(other, e, 0));
    OK(g.launch("copy_element", 1, 64, {bits(x[2]), bits(x[1])}, 0, other));
    OK(g.launch("copy_element", 1, 64, {bits(ordered ? x[3] : x[2]), bits(x[1])}));
    OK(cuEventRecord(e, other));
    OK(cuStreamWaitEvent(g.stream, e, 0));
    OK(g.launch("copy_element", 1, 64, {bits(x[4]), bits(x[2])}));
}

static void forked(bool ordered) {
    Gpu g;
    CUstream other;
    CUevent e;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    CUdeviceptr x[5];
    for (int i = 0; i < 5; i++) x[i] = g.floats(64, (float)(i + 1));
    fork(g, other, e, x, ordered);
    const CUgraphExec exec = end(g, 4);
    for (int i = 0; i < 6; i++) OK(cuGraphLaunch(exec, g.stream));
    CHECK(g.read(x[4], 64)[5] == 1.f);
    OK(cuGraphExecDestroy(exec));
    OK(cuStreamDestroy(other));
    OK(cuEventDestroy(e));
    g.close();
}
CASE(graph_of_two_streams, both, ENVIRONMENT("DUET_SIM_SEED=11"), SAYS()) { forked(true); }
CASE(graph_of_two_streams_without_order, both, ENVIRONMENT(),
     SAYS("missing event: copy_element on branch", "of a graph of device 0", "wrote: no event")) {
    forked(false);
}

CASE(unjoined_capture, both, ENVIRONMENT(), SAYS("capture: cuStreamEndCapture: work of another stream is not joined")) {
    Gpu g;
    CUstream other;
    CUevent e;
    CUgraph graph;
    const CUdeviceptr x = g.floats(64, 1.f);
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    OK(cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(cuEventRecord(e, g.stream));
    OK(cuStreamWaitEvent(other, e, 0));
    OK(cuMemsetD8Async(x, 0, 4, other));
    GIVES(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(other, &graph));
    GIVES(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(g.stream, &graph));
    CHECK(!graph);
    OK(cuStreamSynchronize(other)); // captures no more
    OK(cuStreamDestroy(other));
    OK(cuEventDestroy(e));
    g.close();
}

// forbidden captures, makes a call that a capture does not allow, and looks that the capture is lost.
static void forbidden(CUresult answer, CUresult (*call)(Gpu &),
                      CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
                      unsigned flags = CU_STREAM_NON_BLOCKING) {
    Gpu g;
    CUgraph graph;
    CUstreamCaptureStatus status;
    OK(cuStreamDestroy(g.stream));
    OK(cuStreamCreate(&g.stream, flags));
    const CUdeviceptr x = g.floats(64, 1.f);
    OK(cuStreamBeginCapture(g.stream, mode));
    OK(cuMemsetD8Async(x, 0, 4, g.stream));
    GIVES(answer, call(g));
    OK(cuStreamIsCapturing(g.stream, &status));
    if (answer == CUDA_SUCCESS) {
        CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
        OK(cuStreamEndCapture(g.stream, &graph));
        OK(cuGraphDestroy(graph));
    } else {
        CHECK(status == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
        GIVES(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuMemsetD8Async(x, 0, 4, g.stream));
        GIVES(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(g.stream, &graph));
    }
    OK(cuStreamSynchronize(g.stream));
    g.close();
}

static CUresult allocate(Gpu &g) {
    CUdeviceptr p;
    const CUresult r = cuMemAlloc(&p, 4);
    if (r == CUDA_SUCCESS) g.memory.push_back(p);
    return r;
}

CASE(capture_forbids_allocation, both, ENVIRONMENT(),
     SAYS("capture: cuMemAlloc is not allowed while a stream of device 0, context 1 is capturing")) {
    forbidden(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, allocate);
}
CASE(capture_forbids_synchronize, both, ENVIRONMENT(),
     SAYS("capture: cuStreamSynchronize of a stream that is capturing", "capture: cuCtxSynchronize is not allowed")) {
    forbidden(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](Gpu &g) { return cuStreamSynchronize(g.stream); });
    forbidden(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](Gpu &) { return cuCtxSynchronize(); });
}
CASE(capture_forbids_query, both, ENVIRONMENT(), SAYS("capture: cuStreamQuery of a stream")) {
    forbidden(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](Gpu &g) { return cuStreamQuery(g.stream); });
}
CASE(capture_forbids_the_legacy_stream, both, ENVIRONMENT(),
     SAYS("capture: cuMemcpyHtoD on the legacy stream while a blocking stream is capturing")) {
    forbidden(
        CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
        [](Gpu &g) {
            int x = 0;
            return cuMemcpyHtoD(g.memory[0], &x, 4);
        },
        CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, CU_STREAM_DEFAULT);
}
CASE(relaxed_capture_allows, both, ENVIRONMENT(), SAYS()) {
    forbidden(CUDA_SUCCESS, allocate, CU_STREAM_CAPTURE_MODE_RELAXED);
}
CASE(another_thread_may_allocate, both, ENVIRONMENT(), SAYS()) {
    forbidden(CUDA_SUCCESS, [](Gpu &g) {
        CUresult r = CUDA_ERROR_UNKNOWN;
        std::thread([&] {
            g.use();
            r = allocate(g);
        }).join();
        return r;
    });
}
CASE(mode_of_a_thread, both, ENVIRONMENT(), SAYS()) {
    forbidden(CUDA_SUCCESS, [](Gpu &g) {
        CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
        OK(cuThreadExchangeStreamCaptureMode(&mode));
        CHECK(mode == CU_STREAM_CAPTURE_MODE_GLOBAL);
        const CUresult r = allocate(g);
        OK(cuThreadExchangeStreamCaptureMode(&mode));
        return r;
    });
}
CASE(capture_is_isolated, both, ENVIRONMENT(),
     SAYS("capture: cuStreamWaitEvent in a capture, of an event that was recorded outside it")) {
    forbidden(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, [](Gpu &g) {
        CUstream other;
        CUevent e;
        OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
        OK(cuEventCreate(&e, 0));
        OK(cuEventRecord(e, other));
        const CUresult r = cuStreamWaitEvent(g.stream, e, 0);
        OK(cuEventDestroy(e));
        OK(cuStreamDestroy(other));
        return r;
    });
}

CASE(misused_captures, both, ENVIRONMENT(),
     SAYS("capture: cuStreamBeginCapture of the legacy stream", "bad handle: cuGraphLaunch",
          "bad handle: cuGraphDestroy")) {
    Gpu g;
    CUgraph graph;
    GIVES(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
    GIVES(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(g.stream, &graph));
    OK(cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    GIVES(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    std::thread([&] {
        g.use();
        GIVES(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, cuStreamEndCapture(g.stream, &graph));
    }).join();
    OK(cuStreamEndCapture(g.stream, &graph));
    OK(cuGraphDestroy(graph));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(graph));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch((CUgraphExec)graph, g.stream));
    g.close();
}

CASE(graph_use_after_free, both, ENVIRONMENT(), SAYS("use after free: copy_element")) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f);
    CUdeviceptr y;
    OK(cuMemAlloc(&y, 256));
    OK(cuStreamBeginCapture(g.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    const CUgraphExec exec = end(g, 1);
    OK(cuMemFree(y));
    OK(cuGraphLaunch(exec, g.stream));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(g.stream));
    OK(cuCtxDestroy(g.context));
}
