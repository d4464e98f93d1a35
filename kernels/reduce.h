// reduce.h: one value of the values that a block's threads have, folded in an order that depends on nothing but their
// number: in each warp lanes at a distance of 16, then 8, 4, 2, 1; then the warps in ascending order.
//
// All threads of the block call it, and all of them have the result. A kernel may fold once for each type and
// operation: no barrier keeps a second call from overwriting what the first still reads.
#pragma once

#include "device.h"

DEVICE uint32_t larger(uint32_t a, uint32_t b) { return max(a, b); }

// A NaN stays one: it is no label's fault that it would win or lose a comparison.
DEVICE float larger(float a, float b) { return a != a ? a : (b > a || b != b ? b : a); }

struct Sum {
    template <class T> DEVICE_MEMBER T operator()(T a, T b) const { return a + b; }
};

struct Largest {
    template <class T> DEVICE_MEMBER T operator()(T a, T b) const { return larger(a, b); }
};

template <class F, class T> DEVICE T warp_fold(T x) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) x = F()(x, __shfl_xor_sync(0xffffffffu, x, distance));
    return x;
}

template <class F, int threads, class T> DEVICE T block_fold(T x) {
    __shared__ T warps[threads / 32];
    x = warp_fold<F>(x);
    if ((threadIdx.x & 31) == 0) warps[threadIdx.x >> 5] = x;
    __syncthreads();
    x = warps[0];
#pragma unroll
    for (int i = 1; i < threads / 32; i++) x = F()(x, warps[i]);
    return x;
}

template <int threads, class T> DEVICE T block_sum(T x) { return block_fold<Sum, threads>(x); }
template <int threads, class T> DEVICE T block_largest(T x) { return block_fold<Largest, threads>(x); }
