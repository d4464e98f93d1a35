// bugs.cu: kernels with one bug each. The line that the simulator must name is marked with the bug's name.
#include "device.h"

KERNEL(256) missing_barrier(float *x) {
    __shared__ float s[256];
    const int t = threadIdx.x;
    s[t] = x[t];
    x[t] = s[(t + 33) % 256]; // BUG missing_barrier
}

KERNEL(32) missing_syncwarp(float *x) {
    __shared__ float s[32];
    const int t = threadIdx.x;
    s[t] = x[t];
    const float y = __shfl_xor_sync(0xffffffffu, x[t], 1); // which orders no memory
    x[t] = y + s[t ^ 1];                                   // BUG missing_syncwarp
}

KERNEL(256) overrun(float *x, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i <= n) x[i] = 1.f; // BUG overrun
}

KERNEL(32) far_overrun(float *x, long long offset) {
    x[threadIdx.x + offset] = 1.f; // BUG far_overrun
}

KERNEL(32) indirect(float *const *table) {
    table[1][threadIdx.x] = 1.f; // BUG indirect
}

KERNEL(64) divergent_barrier(float *x) {
    if (threadIdx.x < 48) {
        __syncthreads(); // BUG divergent_barrier
        x[threadIdx.x] = 1.f;
    }
}

KERNEL(64) two_barriers(float *x) {
    if (threadIdx.x < 32) {
        x[threadIdx.x] = 1.f;
        __syncthreads();
    } else {
        __syncthreads(); // BUG two_barriers
        x[threadIdx.x] = 2.f;
    }
}

KERNEL(32) different_masks(unsigned *x) {
    const unsigned t = threadIdx.x;
    unsigned y;
    if (t < 16) y = __shfl_xor_sync(0xffffffffu, t, 1);
    else y = __shfl_xor_sync(0xfffffff0u, t, 1);
    x[t] = y;
}

KERNEL(32) not_in_mask(unsigned *x) { x[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, threadIdx.x, 1); }

KERNEL(64) deadlock(float *x) {
    if (threadIdx.x < 16) __syncwarp();
    else __syncthreads();
    x[threadIdx.x] = 1.f;
}

KERNEL(64) unwritten_shared(float *x) {
    __shared__ float s[64];
    if (threadIdx.x < 32) s[threadIdx.x] = 1.f;
    __syncthreads();
    x[threadIdx.x] = s[threadIdx.x]; // BUG unwritten_shared
}

// Each is called with 0 for a correct kernel.
KERNEL(64) past_static(float *x, int by) {
    __shared__ float s[64];
    __shared__ float behind[64];
    const int t = threadIdx.x;
    float *p = s;
    behind[t] = p[t + by] = x[t]; // BUG past_static
    __syncthreads();
    x[t] = behind[63 - t] + p[t];
}

KERNEL(64) read_past_static(float *x, int by) {
    __shared__ float s[64];
    const int t = threadIdx.x;
    const float *p = s;
    s[t] = x[t];
    __syncthreads();
    x[t] = p[t + by]; // BUG read_past_static
}

KERNEL(64) past_dynamic(float *x, int by) {
    DYNAMIC_SHARED(float, s);
    const int t = threadIdx.x;
    s[t + by] = x[t]; // BUG past_dynamic
    __syncthreads();
    x[t] = s[t + by];
}

KERNEL(64) read_past_dynamic(float *x, int by) {
    DYNAMIC_SHARED(float, s);
    const int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    x[t] = s[t + by]; // BUG read_past_dynamic
}

KERNEL(64) read_past_end(float *y, const float *x, int by) {
    y[threadIdx.x] = x[threadIdx.x + by]; // BUG read_past_end
}

KERNEL(16) misaligned(float *x, int by) {
    float4 *const p = (float4 *)(x + by) + threadIdx.x;
    const float4 q = *p; // BUG misaligned
    x[threadIdx.x] = q.x + q.w;
}

// Halves of words, in place: neighbours have nothing to do with each other.
KERNEL(64) halves(uint16_t *x, int by) {
    __shared__ uint16_t s[64];
    const int t = threadIdx.x;
    x[t] = (uint16_t)(x[t] + 1);
    s[t] = x[t];
    if (by == 0) __syncthreads();
    x[t] = (uint16_t)(s[(t + 32) % 64]); // BUG halves
}

KERNEL(64) missing_atomic(unsigned *x, int by) {
    if (by == 0) atomicAdd(x, 1u);
    else x[0] = x[0] + 1u; // BUG missing_atomic
}

// One of two barriers by thread, or a barrier that half of the threads leave out.
KERNEL(64) some_return(float *x, int by) {
    if (by && threadIdx.x >= 32) return;
    __syncthreads(); // BUG some_return
    x[threadIdx.x] = 1.f;
}

KERNEL(32) warp_order(float *x, int by) {
    __shared__ float s[32];
    const int t = threadIdx.x;
    s[t] = x[t];
    if (by == 0) __syncwarp();
    else __shfl_xor_sync(0xffffffffu, t, 1); // which orders no memory
    x[t] = s[t ^ 1];                         // BUG warp_order
}

KERNEL(256) block_order(float *x, int by) {
    __shared__ float s[256];
    const int t = threadIdx.x;
    s[t] = x[t];
    if (by == 0) __syncthreads();
    else __syncwarp();
    x[t] = s[255 - t]; // BUG block_order
}

KERNEL(64) racing_blocks(float *x) {
    x[threadIdx.x] = x[threadIdx.x] + 1.f; // BUG racing_blocks
}

KERNEL(64) copy_element(float *y, const float *x) {
    y[threadIdx.x] = x[threadIdx.x]; // BUG copy_element
}

KERNEL(64) from_the_middle(float *y, const float *x) {
    y[64 + threadIdx.x] = x[64 + threadIdx.x]; // BUG from_the_middle
}

KERNEL(32) large_frame(float *x, int n) {
    volatile float frame[40000];
    for (int i = 0; i < 40000; i++) frame[i] = (float)i;
    __syncthreads();
    x[threadIdx.x] = frame[n + threadIdx.x];
}
