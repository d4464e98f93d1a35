// twins.cpp: kernels with a bug and without it, one source: the last argument says which. The one is reported with
// kernel, thread and line, the other runs in silence.
#include "harness.h"

// one runs a kernel of a block on 64 floats.
static CUresult one(const char *kernel, unsigned block, int by, unsigned shared = 0, size_t n = 64) {
    Gpu g;
    const CUdeviceptr x = g.floats(n, 1.f);
    OK(g.launch(kernel, 1, block, {bits(x), bits(by)}, shared));
    const CUresult r = cuStreamSynchronize(g.stream);
    if (r == CUDA_SUCCESS) g.close();
    else OK(cuCtxDestroy(g.context));
    return r;
}

// TWINS(kernel, by, builds that see it, answer, arguments of one behind by, said)
#define TWINS(kernel, by, builds, answer, block, shared, n, ...)                                                       \
    CASE(kernel##_bug, builds, ENVIRONMENT(), SAYS(__VA_ARGS__)) {                                                     \
        GIVES(answer, one(#kernel, block, by, shared, n));                                                             \
    }                                                                                                                  \
    CASE(kernel##_bug_shuffled, builds, ENVIRONMENT("DUET_SIM_SEED=77"), SAYS(__VA_ARGS__)) {                          \
        GIVES(answer, one(#kernel, block, by, shared, n));                                                             \
    }                                                                                                                  \
    CASE(kernel##_clean, both, ENVIRONMENT(), SAYS()) { OK(one(#kernel, block, 0, shared, n)); }                       \
    CASE(kernel##_clean_shuffled, both, ENVIRONMENT("DUET_SIM_SEED=78"), SAYS()) {                                     \
        OK(one(#kernel, block, 0, shared, n));                                                                         \
    }

TWINS(past_static, 1, checked, CUDA_ERROR_ILLEGAL_ADDRESS, 64, 0, 64, "out of bounds: kernel past_static on device 0",
      "thread (63,0,0), at {past_static}: writes",
      "4 bytes behind the end of 256 bytes of shared memory, past_static::s")
TWINS(read_past_static, 1, checked, CUDA_ERROR_ILLEGAL_ADDRESS, 64, 0, 64, "out of bounds: kernel read_past_static",
      "at {read_past_static}: reads", "of shared memory, read_past_static::s")
TWINS(past_dynamic, 1, both, CUDA_ERROR_ILLEGAL_ADDRESS, 64, 256, 64, "out of bounds: kernel past_dynamic",
      "thread (63,0,0), at {past_dynamic}", "behind the end of 256 bytes of")
TWINS(read_past_dynamic, 1, both, CUDA_ERROR_ILLEGAL_ADDRESS, 64, 256, 64, "out of bounds: kernel read_past_dynamic",
      "thread (63,0,0), at {read_past_dynamic}", "behind the end of 256 bytes of")
TWINS(misaligned, 1, checked, CUDA_ERROR_MISALIGNED_ADDRESS, 1, 0, 64,
      "misaligned access: kernel misaligned on device 0", "thread (0,0,0), at {misaligned}", "is not a multiple of 16")
TWINS(halves, 1, checked, CUDA_SUCCESS, 64, 0, 64, "race: kernel halves", "{halves}", "in shared memory")
TWINS(missing_atomic, 1, checked, CUDA_SUCCESS, 64, 0, 64, "race: kernel missing_atomic", "{missing_atomic}",
      "in device memory")
TWINS(some_return, 1, both, CUDA_SUCCESS, 64, 0, 64, "divergent barrier: kernel some_return", "waits at {some_return}",
      "32 threads of the block have returned")
TWINS(warp_order, 1, checked, CUDA_SUCCESS, 32, 0, 64, "race: kernel warp_order", "{warp_order}: reads",
      "in shared memory, which thread (")
TWINS(block_order, 1, checked, CUDA_SUCCESS, 256, 0, 256, "race: kernel block_order", "{block_order}: reads",
      "in shared memory, which thread (")

static CUresult read_past_end(int by) {
    Gpu g;
    const CUdeviceptr y = g.floats(64, 0.f), x = g.floats(64, 1.f);
    OK(g.launch("read_past_end", 1, 64, {bits(y), bits(x), bits(by)}));
    const CUresult r = cuStreamSynchronize(g.stream);
    if (r == CUDA_SUCCESS) g.close();
    else OK(cuCtxDestroy(g.context));
    return r;
}
CASE(read_past_end_bug, both, ENVIRONMENT(),
     SAYS("out of bounds: kernel read_past_end on device 0", "thread (63,0,0)", "at {read_past_end}",
          "behind the end of allocation")) {
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, read_past_end(1));
}
CASE(read_past_end_clean, both, ENVIRONMENT(), SAYS()) { OK(read_past_end(0)); }

// A pointer of the host's is none of the device's; a pinned one is both's.
static CUresult of_host(bool pinned) {
    static float memory[64];
    Gpu g;
    void *p = memory;
    if (pinned) OK(cuMemAllocHost(&p, sizeof memory));
    const CUdeviceptr y = g.floats(64, 0.f);
    OK(g.launch("copy_element", 1, 64, {bits(y), (uint64_t)p}));
    const CUresult r = cuStreamSynchronize(g.stream);
    if (r == CUDA_SUCCESS) {
        if (pinned) OK(cuMemFreeHost(p));
        g.close();
    } else OK(cuCtxDestroy(g.context));
    return r;
}
CASE(host_memory_bug, both, ENVIRONMENT(),
     SAYS("wild pointer: copy_element on device 0, context 1: 0x", "is no device memory")) {
    GIVES(CUDA_ERROR_ILLEGAL_ADDRESS, of_host(false));
}
CASE(host_memory_clean, both, ENVIRONMENT(), SAYS()) { OK(of_host(true)); }

// Blocks that write the same word race; those that write their own do not.
static void blocks(const char *kernel, unsigned grid) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f);
    OK(g.launch(kernel, grid, 64, {bits(x)}));
    OK(cuStreamSynchronize(g.stream));
    g.close();
}
CASE(blocks_clean, both, ENVIRONMENT(), SAYS()) { blocks("racing_blocks", 1); }
#define BLOCKS_SEED(seed)                                                                                              \
    CASE(blocks_seed_##seed, checked, ENVIRONMENT("DUET_SIM_SEED=" #seed),                                             \
         SAYS("race: kernel racing_blocks", "at {racing_blocks}", "in device memory, which thread (", "of block ")) {  \
        blocks("racing_blocks", 3);                                                                                    \
    }
BLOCKS_SEED(1)
BLOCKS_SEED(2)
BLOCKS_SEED(3)
BLOCKS_SEED(4)
