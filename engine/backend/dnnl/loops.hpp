// loops.hpp: what our own loops share: bf16 numbers, code for several instruction sets, and division among threads.
#pragma once

#include "kernel.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <utility>

// Loops are compiled for several instruction sets, of which parallel chooses one when it runs. They must be INLINE all
// the way, so that they become part of the functions that name an instruction set. Loops that may work in place say omp
// simd: the same place of input and output is the only overlap.
#define INLINE inline __attribute__((always_inline))
#if defined(__x86_64__)
#define FOR_AVX512 __attribute__((flatten, target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define FOR_AVX2 __attribute__((flatten, target("avx2,fma")))
#endif

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
    if (t == Type::bf16) f(static_cast<bf16 *>(nullptr));
    else f(static_cast<float *>(nullptr));
}

#if defined(__x86_64__)
template <class F> FOR_AVX512 void run_avx512(const F &f, int64_t begin, int64_t end) { f(begin, end); }
template <class F> FOR_AVX2 void run_avx2(const F &f, int64_t begin, int64_t end) { f(begin, end); }

// run calls f for the best instruction set that this processor has.
template <class F> void run(const F &f, int64_t begin, int64_t end) {
    static const bool avx512 =
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx512) run_avx512(f, begin, end);
    else if (avx2) run_avx2(f, begin, end);
    else f(begin, end);
}
#else
template <class F> void run(const F &f, int64_t begin, int64_t end) { f(begin, end); }
#endif

// parallel gives every thread of the team one contiguous range of 0..n, a multiple of grain but for the last. Work of
// one grain stays on the calling thread.
template <class F> void parallel(int64_t n, int64_t grain, const F &f) {
    const int64_t grains = (n + grain - 1) / grain;
    if (grains <= 1 || omp_get_max_threads() == 1) {
        run(f, 0, n);
        return;
    }
#pragma omp parallel
    {
        const int64_t team = omp_get_num_threads(), me = omp_get_thread_num();
        const int64_t begin = grains * me / team * grain, end = std::min(n, grains * (me + 1) / team * grain);
        if (begin < end) run(f, begin, end);
    }
}

// elements of a tensor, padding included.
inline int64_t elements(const Desc &d) {
    return int64_t(d.get_size()) / (type_of(d) == Type::bf16 ? 2 : type_of(d) == Type::u8 ? 1 : 4);
}

// plane is how many elements a thread takes at least in elementwise work.
constexpr int64_t plane = 4096;

// parallel_rows calls f(i) for each i of 0..n.
template <class F> void parallel_rows(int64_t n, const F &f) {
    parallel(n, 1, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; i++) f(i);
    });
}

// as_type is an input as it lies where it has a type, else in that type and row-major.
inline Operand as_type(Kernel &k, int index, const Layout &l, Type t) {
    return l.type() == t ? k.input(index, l) : k.converted(index, l, plain(t, l.dims()));
}

template <class F, class T, class... X> INLINE void each(const F &f, int64_t n, T *y, const X *...x) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) f(y + i, x + i...);
}

template <class T, class F, size_t... x>
INLINE void each_of(const F &f, Pointers p, int64_t b, int64_t e, std::index_sequence<x...>) {
    each(f, e - b, (T *)p[sizeof...(x)] + b, (const T *)p[x] + b...);
}

// elementwise calls f(y + i, x + i...) for every element of an output y and of the inputs x, which all have its format.
template <class F, class... X> void elementwise(Kernel &k, F f, const Operand &y, const X &...x) {
    with_type(type_of(y.desc), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({x..., y}, [f, n = elements(y.desc)](Pointers p) {
            parallel(n, plane, [&](int64_t b, int64_t e) { each_of<T>(f, p, b, e, std::index_sequence_for<X...>()); });
        });
    });
}

} // namespace duet
