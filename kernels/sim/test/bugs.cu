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
    x[t] = y + s[t ^ 1]; // BUG missing_syncwarp
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

KERNEL(32) spin(float *x, int n) {
    float s = 0;
    for (int i = 0; i < n; i++) s = s * 0.5f + (float)(i & 7);
    x[threadIdx.x] = s;
}
