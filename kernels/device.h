// device.h: what every kernel includes. Under nvcc it is thin names for the hardware's instructions; for the host's
// compiler, sim/host.h gives the same names a meaning on the CPU, so that the simulated driver runs the same sources.
//
// Conventions of all kernels
//   names       op_direction, then the element type of activations where there are two: lrn_forward_f32,
//               lrn_forward_bf16
//   tensors     row-major, maps channels-last [N,H,W,C]; activations are f32 or bf16, arithmetic is f32; parameters and
//               their gradients f32
//   parameters  pointers, scalars of 4 or 8 bytes, structs of these by value; pointers that are not written are const
//   sizes       any extent of at least 1; offsets into tensors are 64-bit where a tensor may have over 2^31 elements
//   sums        in an order that depends on the sizes alone: no floating-point atomics, so that runs repeat bit for bit
#pragma once

#include <stdint.h>

#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define DEVICE_MEMBER __device__ __forceinline__
#define DYNAMIC_SHARED(T, name) extern __shared__ __align__(16) T name[]
#define RESTRICT __restrict__
#else
#include "sim/host.h"
#define DEVICE_MEMBER inline __attribute__((always_inline))
#endif

// KERNEL(threads) begins a kernel that is launched with at most that many threads a block.
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)

// KERNEL_ONCE(threads) lets the compiler take as many registers as one block on a multiprocessor leaves a thread,
// KERNEL_TWICE as few as two blocks want.
#define KERNEL_ONCE(threads) extern "C" __global__ void __launch_bounds__(threads, 1)
#define KERNEL_TWICE(threads) extern "C" __global__ void __launch_bounds__(threads, 2)

// AGREED(name, value) puts a number that the kernel's launch reckons with too into the PTX.
// engine/backend/cuda/agreed.go has its value there, and refuses PTX with another. The number of a block's threads
// needs none: PTX tells the launch bounds.
#ifdef __CUDACC__
#define AGREED(name, value)                                                                                            \
    extern "C" {                                                                                                       \
    extern __constant__ const int agreed_##name;                                                                       \
    __constant__ const int agreed_##name = value;                                                                      \
    }
#else
#define AGREED(name, value)
#endif

// bf16 is a bfloat16 as stored: the upper half of a float.
struct bf16 {
    uint16_t bits;
};

DEVICE uint32_t float_bits(float x) {
#ifdef __CUDACC__
    return __float_as_uint(x);
#else
    return sim::bits_of(x);
#endif
}

DEVICE float bits_float(uint32_t u) {
#ifdef __CUDACC__
    return __uint_as_float(u);
#else
    return sim::float_of(u);
#endif
}

// rounded is x as a bfloat16, to nearest, ties to even; a NaN stays one.
DEVICE bf16 rounded(float x) {
    const uint32_t u = float_bits(x);
    const uint32_t nan = (u >> 16) | 0x40, near = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    bf16 r;
    r.bits = (uint16_t)(x != x ? nan : near);
    return r;
}

DEVICE float load(const float *p) { return *p; }
DEVICE float load(const bf16 *p) { return bits_float((uint32_t)p->bits << 16); }
DEVICE void store(float *p, float x) { *p = x; }
DEVICE void store(bf16 *p, float x) { *p = rounded(x); }

// aligned says whether n bytes can be read from p at once.
DEVICE bool aligned(const void *p, int n) { return ((uintptr_t)p & (uintptr_t)(n - 1)) == 0; }
