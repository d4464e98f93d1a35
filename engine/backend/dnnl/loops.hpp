// loops.hpp: what our own loops share: bf16 numbers, code for several instruction sets, and division among threads.
#pragma once

#include "kernel.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>

// VECTORISED compiles a function for several instruction sets and chooses when the program is loaded. It must not
// contain parallel regions, whose bodies the compiler would leave out. Loops that may work in place say omp simd: the
// same place of input and output is the only overlap.
#if defined(__x86_64__)
#define VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORISED
#endif
#define INLINE inline __attribute__((always_inline))

namespace duet {

struct bf16 {
    uint16_t bits;
};

INLINE float load(const float *p) { return *p; }

INLINE float load(const bf16 *p) {
    const uint32_t u = uint32_t(p->bits) << 16;
    float f;
    std::memcpy(&f, &u, sizeof f);
    return f;
}

INLINE void store(float *p, float v) { *p = v; }

// rounded is v as the bits of a bf16, to nearest, ties to even; a NaN stays one.
INLINE uint16_t rounded(float v) {
    uint32_t u;
    std::memcpy(&u, &v, sizeof u);
    return uint16_t(v == v ? (u + 0x7fff + (u >> 16 & 1)) >> 16 : u >> 16 | 0x40);
}

INLINE void store(bf16 *p, float v) { p->bits = rounded(v); }

// with_type calls f with a null pointer to the element type of activations.
template <class F> void with_type(Type t, F f) {
    if (t == Type::bf16)
        f(static_cast<bf16 *>(nullptr));
    else
        f(static_cast<float *>(nullptr));
}

// parallel gives every thread of the team one contiguous range of 0..n, a multiple of grain but for the last. Small
// work stays on the calling thread.
template <class F> void parallel(int64_t n, int64_t grain, F f, int64_t serial = 1) {
    const int64_t grains = (n + grain - 1) / grain;
    if (grains <= serial || omp_get_max_threads() == 1) {
        f(int64_t(0), n);
        return;
    }
#pragma omp parallel
    {
        const int64_t team = omp_get_num_threads(), me = omp_get_thread_num();
        const int64_t begin = grains * me / team * grain, end = std::min(n, grains * (me + 1) / team * grain);
        if (begin < end) f(begin, end);
    }
}

// elements of a tensor, padding included.
inline int64_t elements(const Desc &d) { return int64_t(d.get_size()) / (type_of(d) == Type::bf16 ? 2 : type_of(d) == Type::u8 ? 1 : 4); }

// plane is how many elements a thread takes at least in elementwise work.
constexpr int64_t plane = 4096;

} // namespace duet
