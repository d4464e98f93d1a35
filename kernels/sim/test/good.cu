// good.cu: correct kernels of every kind that the simulator runs, whose results test/*.cpp know.
#include "device.h"

// y = a*x + y, one thread an element.
KERNEL(256) saxpy(float *y, const float *x, float a, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] += a * x[i];
}

struct Line {
    int n;
    float slope;
    int64_t first; // at 8
    struct {
        unsigned step, last;
    } inner;
};

// y[i] = slope*i + first + step, or last at the end; a struct by value between scalars.
KERNEL(256) line(float *y, int shift, Line p, float scale) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= p.n) return;
    const float value = i + 1 == p.n ? (float)p.inner.last : p.slope * (float)i + (float)p.first + (float)p.inner.step;
    y[i] = scale * value + (float)shift;
}

// x in reverse order, one block.
KERNEL(1024) reverse(float *x) {
    DYNAMIC_SHARED(float, s);
    const int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    x[t] = s[blockDim.x - 1 - t];
}

// sums[b] = sum of block b's 256 elements, by shuffles and shared memory.
KERNEL(256) block_sum(float *sums, const float *x, int n) {
    __shared__ float warps[8];
    const int i = blockIdx.x * 256 + threadIdx.x;
    float s = i < n ? x[i] : 0.f;
    for (int d = 16; d; d /= 2) s += __shfl_down_sync(0xffffffffu, s, d);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = s;
    __syncthreads();
    if (threadIdx.x < 8) {
        s = warps[threadIdx.x];
        for (int d = 4; d; d /= 2) s += __shfl_down_sync(0xffu, s, d, 8);
        if (threadIdx.x == 0) sums[blockIdx.x] = s;
    }
}

// What the warp's collectives give each lane; 8 words a lane. Launched with a warp and a half: 48 threads.
KERNEL(64) collectives(unsigned *out) {
    const unsigned t = threadIdx.x, mask = t < 32 ? 0xffffffffu : 0xffffu;
    unsigned *o = out + 8 * t;
    o[0] = __shfl_sync(mask, t, 3);
    o[1] = __shfl_up_sync(mask, t, 1);
    o[2] = __shfl_xor_sync(mask, t, 5);
    o[3] = __ballot_sync(mask, t % 3 == 0);
    o[4] = __any_sync(mask, t == 40) + 2 * __all_sync(mask, t < 32);
    o[5] = __shfl_down_sync(mask, t, 2, 4);
    o[6] = __syncthreads_count(t % 5 == 0);
    // Half of each warp by itself, in an order of its own.
    const unsigned half = t % 32 < 16 ? 0xffffu : 0xffff0000u;
    o[7] = t < 32 ? __shfl_xor_sync(half, t, 1) + (t < 16 ? __shfl_xor_sync(half, t, 2) : 0) : 0;
}

// counts[x[i]]++
KERNEL(256) histogram(unsigned *counts, const int *x, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomicAdd(counts + x[i], 1u);
}

// Neighbours by way of shared memory of the warp alone.
KERNEL(64) neighbours(float *x) {
    __shared__ float s[64];
    const int t = threadIdx.x, first = t & 32;
    for (int i = 0; i < 300; i++) {
        s[t] = x[t] + 1.f;
        __syncwarp();
        x[t] = s[first + (t + 1) % 32];
        __syncwarp();
    }
}

// Counts each element once in every block order: x[i] = 2*x[i] + 1.
KERNEL(128) twice(int *x, int n) {
    const int i =
        (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x * 128 + blockIdx.x * 128 + threadIdx.z * 32 + threadIdx.x;
    if (i < n) x[i] = 2 * x[i] + 1;
}

// C = A*B of M x K and K x N, in tiles of 64x64, each thread 4x4.
KERNEL(256) product(float *C, const float *A, const float *B, int M, int N, int K) {
    __shared__ float a[16][64], b[16][64];
    const int t = threadIdx.x, column = t % 16 * 4, row = t / 16 * 4, r0 = blockIdx.y * 64, c0 = blockIdx.x * 64;
    float sum[4][4] = {};
    for (int k0 = 0; k0 < K; k0 += 16) {
        for (int i = t; i < 1024; i += 256)
            a[i % 16][i / 16] = r0 + i / 16 < M && k0 + i % 16 < K ? A[(r0 + i / 16) * K + k0 + i % 16] : 0.f;
        for (int i = t; i < 1024; i += 256)
            b[i / 64][i % 64] = k0 + i / 64 < K && c0 + i % 64 < N ? B[(k0 + i / 64) * N + c0 + i % 64] : 0.f;
        __syncthreads();
#pragma unroll
        for (int k = 0; k < 16; k++)
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) sum[i][j] += a[k][row + i] * b[k][column + j];
        __syncthreads();
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            if (r0 + row + i < M && c0 + column + j < N) C[(r0 + row + i) * N + c0 + column + j] = sum[i][j];
}

// The order in which blocks of one thread run.
KERNEL(1) order_of_blocks(unsigned *order, unsigned *count) { order[atomicAdd(count, 1u)] = blockIdx.x; }
