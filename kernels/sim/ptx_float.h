// ptx_float.h: floating-point instructions. The host rounds to the nearest; for another rounding its mode is changed
// around the one operation.
#pragma once

#include <cfenv>

namespace sim {
namespace ptx {

enum Rounding { rn, rz, rm, rp, rna }; // nearest even, to zero, down, up, nearest with ties away from zero

PTX_INLINE float magnitude(float x) { return __builtin_fabsf(x); }
PTX_INLINE double magnitude(double x) { return __builtin_fabs(x); }
PTX_INLINE float with_sign(float sign, float x) { return __builtin_copysignf(x, sign); }
PTX_INLINE double with_sign(double sign, double x) { return __builtin_copysign(x, sign); }
PTX_INLINE bool subnormal(float x) { return x != 0 && __builtin_fabsf(x) < std::numeric_limits<float>::min(); }
PTX_INLINE bool subnormal(double x) { return x != 0 && __builtin_fabs(x) < std::numeric_limits<double>::min(); }

// flush makes a zero of a subnormal number and keeps its sign: .ftz.
PTX_INLINE float flush(float x) { return subnormal(x) ? __builtin_copysignf(0.f, x) : x; }

// saturate is within 0 and 1, and of a NaN +0.
template <class T> PTX_INLINE T saturate(T x) { return x > 0 ? (x < 1 ? x : 1) : 0; }

template <class T> PTX_INLINE T canonical_nan() {
    return sizeof(T) == 4 ? (T)as<float>(0x7fffffffu) : (T)as<double>((uint64_t)0x7fffffffffffffffull);
}

// Of a number and a NaN the number, of two NaNs one; -0 is less than +0.
template <class T> PTX_INLINE T minimum(T a, T b) {
    if (a != a) return b != b ? canonical_nan<T>() : b;
    if (a == b) return __builtin_signbit(a) ? a : b;
    return b < a ? b : a;
}
template <class T> PTX_INLINE T maximum(T a, T b) {
    if (a != a) return b != b ? canonical_nan<T>() : b;
    if (a == b) return __builtin_signbit(a) ? b : a;
    return b > a ? b : a;
}
template <class T> PTX_INLINE T minimum_nan(T a, T b) { return a != a || b != b ? canonical_nan<T>() : minimum(a, b); }
template <class T> PTX_INLINE T maximum_nan(T a, T b) { return a != a || b != b ? canonical_nan<T>() : maximum(a, b); }

PTX_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
PTX_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }

// hide keeps the compiler from moving the work on a value across it.
template <class T> PTX_INLINE void hide(T &x) { __asm__ volatile("" : "+m"(x) : : "memory"); }

// Mode is another rounding for as long as it exists.
struct Mode {
    explicit Mode(Rounding r) {
        std::fesetround(r == rz ? FE_TOWARDZERO : r == rm ? FE_DOWNWARD : r == rp ? FE_UPWARD : FE_TONEAREST);
    }
    ~Mode() { std::fesetround(FE_TONEAREST); }
};

#define PTX_ROUNDED(name, expression)                                                                                  \
    template <Rounding r, class T> __attribute__((noinline)) T name(T a, T b) {                                        \
        Mode mode(r);                                                                                                  \
        hide(a), hide(b);                                                                                              \
        T result = expression;                                                                                         \
        hide(result);                                                                                                  \
        return result;                                                                                                 \
    }
PTX_ROUNDED(add, a + b)
PTX_ROUNDED(subtract, a - b)
PTX_ROUNDED(multiply, a *b)
PTX_ROUNDED(divide, a / b)
#undef PTX_ROUNDED

template <Rounding r, class T> __attribute__((noinline)) T fma(T a, T b, T c) {
    Mode mode(r);
    hide(a), hide(b), hide(c);
    T result = fma(a, b, c);
    hide(result);
    return result;
}
template <Rounding r, class T> __attribute__((noinline)) T root(T a) {
    Mode mode(r);
    hide(a);
    T result = sizeof(T) == 4 ? (T)__builtin_sqrtf((float)a) : (T)__builtin_sqrt((double)a);
    hide(result);
    return result;
}
template <class To, Rounding r, class From> __attribute__((noinline)) To rounded(From a) {
    Mode mode(r);
    hide(a);
    To result = (To)a;
    hide(result);
    return result;
}

// The approximations of f64 give the upper half of a number.
PTX_INLINE double upper_half(double x) {
    const bool small = subnormal(x);
    return small ? __builtin_copysign(0., x) : as<double>(as<uint64_t>(x) & 0xffffffff00000000ull);
}

} // namespace ptx
} // namespace sim
