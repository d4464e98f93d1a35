// order.cpp: operations on the same memory that nothing orders, on one device and on two.
#include "harness.h"

// Two streams, a kernel on each, and nothing between them.
static void unordered(bool event) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f), y = g.floats(64, 2.f), z = g.floats(64, 3.f);
    CUstream other;
    CUevent e;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    if (event) {
        OK(cuEventRecord(e, g.stream));
        OK(cuStreamWaitEvent(other, e, 0));
    }
    OK(g.launch("copy_element", 1, 64, {bits(z), bits(y)}, 0, other));
    for (float v : g.read(z, 64)) CHECK(!event || v == 1.f);
    OK(cuStreamDestroy(other));
    OK(cuEventDestroy(e));
    g.close();
}
CASE(missing_event, both, ENVIRONMENT(),
     SAYS("missing event: copy_element on stream", "reads byte 0 of allocation", "which copy_element on stream",
          "wrote: no event or wait orders them")) {
    unordered(false);
}
// Whatever the seed and the delays, and so whoever comes first: it is the order that is missing, not the luck.
#define UNORDERED(seed, delay)                                                                                         \
    CASE(missing_event_seed_##seed, both, ENVIRONMENT("DUET_SIM_SEED=" #seed, "DUET_SIM_DELAY=" #delay),               \
         SAYS("missing event: copy_element on stream 2 of device 0, context 1 reads byte 0 of allocation",             \
              "which copy_element on stream 1 of device 0, context 1 wrote")) {                                        \
        unordered(false);                                                                                              \
    }
UNORDERED(1, 0)
UNORDERED(2, 10)
UNORDERED(3, 1000)
UNORDERED(4, 5000)
UNORDERED(18446744073709551615, 300)
CASE(an_event_orders, both, ENVIRONMENT("DUET_SIM_DELAY=3000", "DUET_SIM_SEED=3"), SAYS()) { unordered(true); }

// Only the checked build knows which bytes a kernel touched.
CASE(missing_event_in_the_middle, checked, ENVIRONMENT(),
     SAYS("missing event", "from_the_middle on stream", "of allocation")) {
    Gpu g;
    const CUdeviceptr x = g.floats(256, 1.f), y = g.floats(256, 2.f);
    CUstream other;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    OK(g.launch("from_the_middle", 1, 64, {bits(y), bits(x)}));
    OK(cuMemcpyDtoDAsync(x + 64, y + 300, 32, other));
    OK(cuCtxSynchronize());
    OK(cuStreamDestroy(other));
    g.close();
}

// Operations on different bytes of one allocation need no order.
CASE(ranges_of_an_arena, both, ENVIRONMENT("DUET_SIM_DELAY=300", "DUET_SIM_SEED=9"), SAYS()) {
    Gpu g;
    const CUdeviceptr arena = g.floats(1024, 1.f);
    CUstream other;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    for (int i = 0; i < 5; i++) {
        OK(g.launch("copy_element", 1, 64, {bits(arena), bits(arena + 256)}));
        OK(cuMemcpyDtoDAsync(arena + 512, arena + 256, 256, other));
        OK(cuMemsetD8Async(arena + 768, 0, 256, g.stream));
    }
    OK(cuCtxSynchronize());
    OK(cuStreamDestroy(other));
    g.close();
}

CASE(copies_without_order, both, ENVIRONMENT(),
     SAYS("missing event: cuMemsetD8Async on stream", "writes byte 256 of allocation",
          "which cuMemcpyDtoDAsync on stream", "read: no event")) {
    Gpu g;
    const CUdeviceptr x = g.floats(256, 1.f), y = g.floats(256, 2.f);
    CUstream other;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    OK(cuMemcpyDtoDAsync(y, x + 256, 128, g.stream));
    OK(cuMemsetD8Async(x + 128, 0, 256, other));
    OK(cuCtxSynchronize());
    OK(cuStreamDestroy(other));
    g.close();
}

CASE(events_across_devices, both, ENVIRONMENT("DUET_SIM_DELAY=2000", "DUET_SIM_SEED=4"), SAYS()) {
    Gpu a(0);
    const CUdeviceptr x = a.floats(64, 5.f), y = a.floats(64, 0.f);
    CUevent e;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    OK(a.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    OK(cuEventRecord(e, a.stream));
    Gpu b(1);
    const CUdeviceptr z = b.floats(64, 0.f);
    OK(cuStreamWaitEvent(b.stream, e, 0));
    OK(cuMemcpyPeerAsync(z, b.context, y, a.context, 256, b.stream));
    for (float v : b.read(z, 64)) CHECK(v == 5.f);
    b.close();
    a.use();
    OK(cuEventDestroy(e));
    a.close();
}
CASE(missing_event_across_devices, both, ENVIRONMENT(),
     SAYS("missing event: cuMemcpyPeerAsync on stream", "of device 1", "which copy_element on stream", "of device 0")) {
    Gpu a(0), b(1);
    const CUdeviceptr z = b.floats(64, 0.f);
    a.use();
    const CUdeviceptr x = a.floats(64, 5.f), y = a.floats(64, 0.f);
    OK(a.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    b.use();
    OK(cuMemcpyPeerAsync(z, b.context, y, a.context, 256, b.stream));
    OK(cuCtxSynchronize());
    b.close();
    a.close();
}

// A memset of one device and the other's kernel that writes there as a peer.
static void across(bool ordered) {
    Gpu b(1);
    const CUdeviceptr y = b.floats(64, 0.f);
    CUevent e;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    Gpu a(0);
    OK(cuCtxEnablePeerAccess(b.context, 0));
    const CUdeviceptr x = a.floats(64, 3.f);
    b.use();
    OK(cuMemsetD8Async(y, 0, 256, b.stream));
    OK(cuEventRecord(e, b.stream));
    a.use();
    if (ordered) OK(cuStreamWaitEvent(a.stream, e, 0));
    OK(a.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    OK(cuStreamSynchronize(a.stream));
    b.use();
    OK(cuCtxSynchronize());
    if (ordered) CHECK(b.read(y, 64)[63] == 3.f);
    OK(cuEventDestroy(e));
    a.close();
    b.close();
}
CASE(missing_event_of_a_memset, both, ENVIRONMENT("DUET_SIM_DELAY=1000", "DUET_SIM_SEED=2"),
     SAYS("missing event: copy_element on stream", "of device 0", "writes byte 0 of allocation",
          "of device 1, which cuMemsetD8Async on stream", "wrote: no event")) {
    across(false);
}
CASE(an_event_of_a_memset, both, ENVIRONMENT("DUET_SIM_DELAY=1000", "DUET_SIM_SEED=2"), SAYS()) { across(true); }
