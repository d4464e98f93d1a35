// checks.cpp: each seeded bug is reported, with kernel and place, and the driver answers what a real one would.
#include "harness.h"

#include <unistd.h>

// run launches one kernel with a pointer to a kilobyte of floats, and waits.
static CUresult run(const char *kernel, unsigned grid, unsigned block) {
    Gpu g;
    const CUdeviceptr x = g.floats(256, 1.f);
    OK(g.launch(kernel, grid, block, {bits(x)}));
    const CUresult r = cuStreamSynchronize(g.stream);
    if (r == CUDA_SUCCESS) g.close();
    else OK(cuCtxDestroy(g.context));
    return r;
}

CASE(missing_barrier, checked, ENVIRONMENT(),
     SAYS("race: kernel missing_barrier on device 0", "block (0,0,0), thread (", "at {missing_barrier}",
          "in shared memory, which thread")) {
    OK(run("missing_barrier", 1, 256));
}
CASE(missing_barrier_seeded, checked, ENVIRONMENT("DUET_SIM_SEED=7"), SAYS("race: kernel missing_barrier")) {
    OK(run("missing_barrier", 1, 256));
}
CASE(missing_syncwarp, checked, ENVIRONMENT(), SAYS("race: kernel missing_syncwarp", "at {missing_syncwarp}")) {
    OK(run("missing_syncwarp", 1, 32));
}
CASE(racing_blocks, checked, ENVIRONMENT(), SAYS("race: kernel racing_blocks", "{racing_blocks}", "in device memory")) {
    OK(run("racing_blocks", 2, 64));
}
CASE(unwritten_shared, checked, ENVIRONMENT(),
     SAYS("uninitialised read: kernel unwritten_shared", "{unwritten_shared}",
          "thread (63,0,0)")) { // the last at the barrier goes on first
    OK(run("unwritten_shared", 1, 64));
}

// What each launch moves, every word once: 50 of x and y, of which saxpy writes y too; copy_element all 64.
CASE(traffic, checked, ENVIRONMENT(), SAYS()) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f), y = g.floats(64, 2.f);
    for (int i = 0; i < 3; i++) OK(g.launch("saxpy", 1, 64, {bits(y), bits(x), bits(1.f), bits(50)}));
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    OK(cuStreamSynchronize(g.stream));
    const std::string r = report();
    CHECK(r.find("\"read\": {\"copy_element\": 256, \"saxpy\": 1200},\n") != std::string::npos);
    CHECK(r.find("\"written\": {\"copy_element\": 256, \"saxpy\": 600}}") != std::string::npos);
    g.close();
}

CASE(unwritten_device, checked, ENVIRONMENT(),
     SAYS("uninitialised read: kernel copy_element", "{copy_element}", "in device memory")) {
    Gpu g;
    const CUdeviceptr y = g.floats(64, 0.f), x = g.empty(64);
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    const auto v = g.read(y, 64);
    CHECK(v[0] != v[0]); // fresh memory is NaN
    g.close();
}

CASE(divergent_barrier, both, ENVIRONMENT(),
     SAYS("divergent barrier: kernel divergent_barrier", "waits at {divergent_barrier}",
          "16 threads of the block have returned")) {
    OK(run("divergent_barrier", 1, 64));
}
CASE(two_barriers, both, ENVIRONMENT(),
     SAYS("divergent barrier: kernel two_barriers", "bugs.cu:", "other threads of the block at")) {
    OK(run("two_barriers", 1, 64));
}
CASE(different_masks, both, ENVIRONMENT(),
     SAYS("divergent warp: kernel different_masks", "the block can never go on", "shuffle for mask ffffffff")) {
    GIVES(CUDA_ERROR_LAUNCH_TIMEOUT, run("different_masks", 1, 32));
}
CASE(not_in_mask, both, ENVIRONMENT(),
     SAYS("divergent warp: kernel not_in_mask", "thread (16,0,0): shuffle with mask 0000ffff")) {
    GIVES(CUDA_ERROR_LAUNCH_FAILED, run("not_in_mask", 1, 32));
}
CASE(deadlock, both, ENVIRONMENT(),
     SAYS("divergent warp: kernel deadlock",
          "wait at the barrier of bugs.cu:", "lanes 0000ffff of warp 0 wait in __syncwarp")) {
    GIVES(CUDA_ERROR_LAUNCH_TIMEOUT, run("deadlock", 1, 64));
}

static void overrun() {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f); // its end is a guard's beginning: 256 bytes
    OK(g.launch("overrun", 1, 256, {bits(x), bits(64)}));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(g.stream));
    CUdeviceptr more; // sticky
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc(&more, 4));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemFree(x));
    OK(cuCtxDestroy(g.context));
    Gpu again; // another context of the device is well
    again.close();
}
CASE(overrun, both, ENVIRONMENT(),
     SAYS("out of bounds: kernel overrun", "block (0,0,0), thread (64,0,0)", "{overrun}",
          "0 bytes behind the end of allocation", "of 256 bytes of device 0")) {
    overrun();
}

CASE(overrun_within_the_last_256_bytes, fast, ENVIRONMENT(),
     SAYS("out of bounds: byte 40 of allocation", "was written, behind its end")) {
    Gpu g;
    const CUdeviceptr x = g.floats(10, 1.f);
    OK(g.launch("overrun", 1, 64, {bits(x), bits(10)}));
    OK(cuStreamSynchronize(g.stream));
    g.close();
}
CASE(overrun_by_an_element, checked, ENVIRONMENT(),
     SAYS("out of bounds: kernel overrun", "{overrun}", "thread (10,0,0)")) {
    Gpu g;
    const CUdeviceptr x = g.floats(10, 1.f);
    OK(g.launch("overrun", 1, 64, {bits(x), bits(10)}));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(g.stream));
    OK(cuCtxDestroy(g.context));
}

CASE(far_overrun, both, ENVIRONMENT(), SAYS("out of bounds: kernel far_overrun", "{far_overrun}", "no device memory")) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f);
    OK(g.launch("far_overrun", 1, 32, {bits(x), (uint64_t)1 << 58})); // beyond every address
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(g.stream));
    OK(cuCtxDestroy(g.context));
}

CASE(stack_overflow, both, ENVIRONMENT(), SAYS("kernel large_frame", "stack of 96 KiB is full")) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f);
    OK(g.launch("large_frame", 1, 32, {bits(x), bits(5)}));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(g.stream));
    OK(cuCtxDestroy(g.context));
}

// with_table runs a kernel that writes through a pointer that it finds in memory.
static CUresult with_table(Gpu &g, CUdeviceptr pointer) {
    const CUdeviceptr table = g.empty(4), pointers[2] = {0, pointer};
    OK(cuMemcpyHtoD(table, pointers, sizeof pointers));
    OK(g.launch("indirect", 1, 32, {bits(table)}));
    return cuStreamSynchronize(g.stream);
}

CASE(indirect_use_after_free, both, ENVIRONMENT(),
     SAYS("use after free: kernel indirect", "{indirect}", "byte 0 of freed allocation")) {
    Gpu g;
    CUdeviceptr x;
    OK(cuMemAlloc(&x, 128));
    OK(cuMemFree(x));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, with_table(g, x));
    OK(cuCtxDestroy(g.context));
}
CASE(indirect_null, both, ENVIRONMENT(), SAYS("out of bounds: kernel indirect", "no device memory")) {
    Gpu g;
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, with_table(g, 0));
    OK(cuCtxDestroy(g.context));
}
CASE(indirect_foreign, checked, ENVIRONMENT(),
     SAYS("foreign memory: kernel indirect on device 0", "{indirect}",
          "memory of device 1 used on device 0 without peer access")) {
    Gpu b(1);
    const CUdeviceptr x = b.floats(32, 0.f);
    Gpu a(0);
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, with_table(a, x));
    OK(cuCtxDestroy(a.context));
    b.close();
}

CASE(argument_use_after_free, both, ENVIRONMENT(), SAYS("use after free: racing_blocks on device 0")) {
    Gpu g;
    CUdeviceptr x;
    OK(cuMemAlloc(&x, 256));
    OK(cuMemFree(x));
    OK(g.launch("racing_blocks", 1, 64, {bits(x)}));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(g.stream));
    OK(cuCtxDestroy(g.context));
}
CASE(argument_wild, both, ENVIRONMENT(), SAYS("wild pointer: racing_blocks on device 0, context 1: 0x1234")) {
    Gpu g;
    OK(g.launch("racing_blocks", 1, 64, {0x1234}));
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(g.stream));
    OK(cuCtxDestroy(g.context));
}

static CUresult foreign_argument(bool allow) {
    Gpu b(1);
    const CUdeviceptr x = b.floats(64, 3.f);
    Gpu a(0);
    if (allow) OK(cuCtxEnablePeerAccess(b.context, 0));
    const CUdeviceptr y = a.floats(64, 0.f);
    OK(a.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    const CUresult r = cuStreamSynchronize(a.stream);
    if (r == CUDA_SUCCESS) {
        for (float v : a.read(y, 64)) CHECK(v == 3.f);
        a.close();
    } else OK(cuCtxDestroy(a.context));
    b.close();
    return r;
}
CASE(argument_foreign, both, ENVIRONMENT(),
     SAYS("foreign memory: copy_element: memory of device 1 used on device 0 without peer access")) {
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, foreign_argument(false));
}
CASE(argument_of_a_peer, both, ENVIRONMENT(), SAYS()) { OK(foreign_argument(true)); }

// The same kernels without their bugs.
CASE(indirect_clean, both, ENVIRONMENT(), SAYS()) {
    Gpu g;
    const CUdeviceptr x = g.floats(32, 0.f);
    OK(with_table(g, x));
    CHECK(g.read(x, 32)[31] == 1.f);
    g.close();
}
CASE(overrun_clean, both, ENVIRONMENT("DUET_SIM_SEED=6"), SAYS()) {
    Gpu g;
    const CUdeviceptr x = g.floats(10, 0.f);
    OK(g.launch("overrun", 1, 64, {bits(x), bits(9)}));
    CHECK(g.read(x, 10)[9] == 1.f);
    g.close();
}
CASE(far_overrun_clean, both, ENVIRONMENT(), SAYS()) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 0.f);
    OK(g.launch("far_overrun", 1, 32, {bits(x), (uint64_t)32}));
    CHECK(g.read(x, 64)[63] == 1.f);
    g.close();
}
