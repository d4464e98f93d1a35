// host_math.h: CUDA's arithmetic. The approximate functions of the hardware (__expf, rsqrtf) are the host's exact ones:
// tests must allow what the CUDA programming guide allows them.
#pragma once

#include "host_types.h"

#include <cmath>
#include <limits>
#include <type_traits>

#define SIM_INLINE static inline __attribute__((always_inline))

// min and max as CUDA has them: of mixed types too; of a number and a NaN, the number.
namespace sim {

template <class A, class B> using Common = std::common_type_t<A, B>;
template <class A, class B>
using Arithmetic = std::enable_if_t<std::is_arithmetic<A>::value && std::is_arithmetic<B>::value, Common<A, B>>;

template <class T> SIM_INLINE T smaller(T a, T b) { return a < b || b != b ? a : b; }
template <class T> SIM_INLINE T larger(T a, T b) { return a > b || b != b ? a : b; }

} // namespace sim

template <class A, class B> SIM_INLINE sim::Arithmetic<A, B> min(A a, B b) {
    return sim::smaller<sim::Common<A, B>>(a, b);
}
template <class A, class B> SIM_INLINE sim::Arithmetic<A, B> max(A a, B b) {
    return sim::larger<sim::Common<A, B>>(a, b);
}

// The C library's fminf and fmaxf are calls; these are not, and differ in the sign of a zero at most.
#define fminf(a, b) sim::smaller<float>(a, b)
#define fmaxf(a, b) sim::larger<float>(a, b)

// glibc has declared functions of these names.
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __sincosf(x, s, c) sincosf(x, s, c)

SIM_INLINE float rsqrtf(float x) { return 1.f / sqrtf(x); }
SIM_INLINE double rsqrt(double x) { return 1. / sqrt(x); }
SIM_INLINE float __fdividef(float a, float b) { return a / b; }
SIM_INLINE float fdividef(float a, float b) { return a / b; }
SIM_INLINE float __fdiv_rn(float a, float b) { return a / b; }
SIM_INLINE float __frcp_rn(float x) { return 1.f / x; }
SIM_INLINE float __fsqrt_rn(float x) { return sqrtf(x); }
SIM_INLINE float __frsqrt_rn(float x) { return (float)(1. / sqrt((double)x)); }
SIM_INLINE float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
SIM_INLINE float __saturatef(float x) { return x > 0.f ? (x < 1.f ? x : 1.f) : 0.f; }

// These are never joined to a multiply-add; the compiler must not see through.
#define SIM_ROUNDED(name, T, op)                                                                                       \
    SIM_INLINE T name(T a, T b) {                                                                                      \
        T r = a op b;                                                                                                  \
        __asm__("" : "+m"(r));                                                                                         \
        return r;                                                                                                      \
    }
SIM_ROUNDED(__fadd_rn, float, +)
SIM_ROUNDED(__fsub_rn, float, -)
SIM_ROUNDED(__fmul_rn, float, *)
SIM_ROUNDED(__dadd_rn, double, +)
SIM_ROUNDED(__dmul_rn, double, *)
#undef SIM_ROUNDED
SIM_INLINE double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

SIM_INLINE unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
SIM_INLINE int __mulhi(int a, int b) { return (int)((int64_t)a * b >> 32); }
SIM_INLINE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
SIM_INLINE int __mul24(int a, int b) { return (int)((unsigned)((a << 8 >> 8) * (int64_t)(b << 8 >> 8))); }
SIM_INLINE unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }

SIM_INLINE int __popc(unsigned x) { return __builtin_popcount(x); }
SIM_INLINE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
SIM_INLINE int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
SIM_INLINE int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
SIM_INLINE int __ffs(int x) { return __builtin_ffs(x); }
SIM_INLINE int __ffsll(long long x) { return __builtin_ffsll(x); }

SIM_INLINE unsigned __brev(unsigned x) {
    x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
    x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
    x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
    return __builtin_bswap32(x);
}

// __byte_perm picks four of the eight bytes of y:x.
SIM_INLINE unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    const uint64_t bytes = (uint64_t)y << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) r |= (unsigned)(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
    return r;
}

SIM_INLINE unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n) {
    return (unsigned)((((uint64_t)high << 32 | low) << (n & 31)) >> 32);
}
SIM_INLINE unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n) {
    return (unsigned)(((uint64_t)high << 32 | low) >> (n & 31));
}

SIM_INLINE unsigned __float_as_uint(float x) { return sim::bits_of(x); }
SIM_INLINE int __float_as_int(float x) { return sim::as<int>(x); }
SIM_INLINE float __uint_as_float(unsigned x) { return sim::float_of(x); }
SIM_INLINE float __int_as_float(int x) { return sim::as<float>(x); }
SIM_INLINE long long __double_as_longlong(double x) { return sim::as<long long>(x); }
SIM_INLINE double __longlong_as_double(long long x) { return sim::as<double>(x); }

// Conversions saturate, and a NaN is 0.
namespace sim {

template <class T> SIM_INLINE T to_integer(float x) {
    if (x != x) return 0;
    if (x <= (float)std::numeric_limits<T>::min()) return std::numeric_limits<T>::min();
    if (x >= (float)std::numeric_limits<T>::max()) return std::numeric_limits<T>::max();
    return (T)x;
}

} // namespace sim

#define SIM_CONVERSIONS(name, T)                                                                                       \
    SIM_INLINE T name##_rn(float x) { return sim::to_integer<T>(nearbyintf(x)); }                                      \
    SIM_INLINE T name##_rz(float x) { return sim::to_integer<T>(truncf(x)); }                                          \
    SIM_INLINE T name##_rd(float x) { return sim::to_integer<T>(floorf(x)); }                                          \
    SIM_INLINE T name##_ru(float x) { return sim::to_integer<T>(ceilf(x)); }
SIM_CONVERSIONS(__float2int, int)
SIM_CONVERSIONS(__float2uint, unsigned)
SIM_CONVERSIONS(__float2ll, long long)
SIM_CONVERSIONS(__float2ull, unsigned long long)
#undef SIM_CONVERSIONS
SIM_INLINE float __int2float_rn(int x) { return (float)x; }
SIM_INLINE float __uint2float_rn(unsigned x) { return (float)x; }
SIM_INLINE float __ll2float_rn(long long x) { return (float)x; }
SIM_INLINE float __ull2float_rn(unsigned long long x) { return (float)x; }
SIM_INLINE float __double2float_rn(double x) { return (float)x; }

#undef SIM_INLINE
