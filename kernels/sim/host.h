// host.h: CUDA C++ as far as our kernels use it, for the host's compiler. kernels/device.h includes it instead of what
// nvcc brings along, and so do the files that ptx2cpp generates. What it needs of the driver is declared in runtime.h.
//
//   host_types.h    vectors: float4, make_float4 ...
//   host_math.h     arithmetic intrinsics
//   host_warp.h     shuffles, votes, reductions, matrix fragments, asynchronous copies
//   host_atomics.h  integer atomics
//   table.h         the table of kernels
#pragma once

#include "host_types.h"

#include "runtime.h"

#include "host_atomics.h"
#include "host_math.h"
#include "host_warp.h"
#include "table.h"

#define __global__ __attribute__((noinline))
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __constant__ static const

// A block runs on one thread of the host from beginning to end, so its static shared memory is that thread's own.
#define __shared__ static thread_local

#define DEVICE static inline __attribute__((always_inline))
#define DYNAMIC_SHARED(T, name) T *const name = reinterpret_cast<T *>(sim::dynamic_shared())
#define RESTRICT __restrict__

// The checked build sees every load; a call hides those that are not the kernel's own.
#ifdef __SANITIZE_THREAD__
#define threadIdx (sim::thread_index())
#define blockIdx (sim::block_index())
#define blockDim (sim::block_size())
#define gridDim (sim::grid_size())
#else
#define threadIdx (sim::thread->index)
#define blockIdx (sim::block->index)
#define blockDim (sim::block->size)
#define gridDim (sim::block->grid)
#endif
#define warpSize 32

// The line makes a barrier known by its place in the source: the compiler may have made several of it.
DEVICE void __syncthreads(const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    sim::barrier({file, line});
}

DEVICE int __syncthreads_count(int predicate, const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    return sim::barrier_count({file, line}, predicate != 0);
}
DEVICE int __syncthreads_or(int predicate, const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    return sim::barrier_count({file, line}, predicate != 0) != 0;
}
DEVICE int __syncthreads_and(int predicate, const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    return sim::barrier_count({file, line}, predicate == 0) == 0;
}

// Threads of a block share a thread of the host and blocks of one launch run in turn: a fence has nothing to do.
DEVICE void __threadfence_block() {}
DEVICE void __threadfence() {}
DEVICE void __threadfence_system() {}

template <class T> DEVICE T __ldg(const T *p) { return *p; }
template <class T> DEVICE T __ldca(const T *p) { return *p; }
template <class T> DEVICE T __ldcg(const T *p) { return *p; }
template <class T> DEVICE T __ldcs(const T *p) { return *p; }
template <class T> DEVICE T __ldlu(const T *p) { return *p; }
template <class T> DEVICE void __stcg(T *p, T x) { *p = x; }
template <class T> DEVICE void __stcs(T *p, T x) { *p = x; }
template <class T> DEVICE void __stwb(T *p, T x) { *p = x; }
