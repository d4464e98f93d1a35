// ptx_half.h: the small formats, held in integers: f16 and bf16 in 16 bits, tf32 in the upper 19 of 32. An operation is
// done in double to odd, from which one more rounding is exact, and then rounded.
#pragma once

namespace sim {
namespace ptx {

// A format's bits of exponent and of mantissa, the bits that are left out below, and its NaN.
struct f16 {
    typedef uint16_t Bits;
    enum { exponent = 5, mantissa = 10, below = 0, nan = 0x7fff };
};
struct bf16 {
    typedef uint16_t Bits;
    enum { exponent = 8, mantissa = 7, below = 0, nan = 0x7fff };
};
struct tf32 {
    typedef uint32_t Bits;
    enum { exponent = 8, mantissa = 10, below = 13, nan = 0x7fffffff };
};

// rounded_up says whether a magnitude whose rest below the last bit is rest, of which half is half a bit, grows.
PTX_INLINE bool rounded_up(Rounding r, bool negative, bool odd, uint64_t rest, uint64_t half) {
    switch (r) {
    case rn: return rest > half || (rest == half && odd);
    case rna: return rest >= half;
    case rz: return false;
    case rm: return negative && rest;
    default: return !negative && rest;
    }
}

// half_of rounds to a small float.
template <class F, Rounding r> static inline typename F::Bits half_of(double x) {
    const uint64_t u = as<uint64_t>(x), bias = (1u << (F::exponent - 1)) - 1,
                   infinity = ((1ull << F::exponent) - 1) << F::mantissa;
    const bool negative = u >> 63;
    if (x != x) return F::nan;
    const uint64_t sign = negative ? 1ull << (F::exponent + F::mantissa) : 0;
    uint64_t magnitude;
    if (x == 0 || __builtin_isinf(x)) {
        magnitude = x == 0 ? 0 : infinity;
    } else {
        const int e =
            (int)(u >> 52 & 2047) - 1023; // a subnormal double is below all small formats: its bits do not matter
        const uint64_t m = (u & ((1ull << 52) - 1)) | 1ull << 52;
        const int least = 1 - (int)bias;
        int shift = 52 - F::mantissa + (e < least ? least - e : 0);
        if (shift > 62) shift = 62;
        const uint64_t kept = m >> shift, rest = m & ((1ull << shift) - 1), half = 1ull << (shift - 1);
        magnitude = kept + rounded_up(r, negative, kept & 1, rest, half);
        if (e >= least) magnitude += (uint64_t)(e - least) << F::mantissa; // the leading bit of m counts as one more
        if (magnitude >= infinity)                                         // beyond the largest number
            magnitude =
                r == rn || r == rna || (r == rm && negative) || (r == rp && !negative) ? infinity : infinity - 1;
    }
    return (typename F::Bits)((sign | magnitude) << F::below);
}

template <class F> PTX_INLINE float half_value(typename F::Bits x);
template <> inline float half_value<bf16>(uint16_t x) { return float_of((uint32_t)x << 16); }
template <> inline float half_value<f16>(uint16_t x) {
    const uint32_t sign = (uint32_t)(x & 0x8000) << 16, magnitude = x & 0x7fff;
    if (magnitude >= 0x7c00) return float_of(sign | 0x7f800000u | (magnitude & 0x3ff) << 13);
    if (magnitude >= 0x400) return float_of(sign | ((magnitude << 13) + (112u << 23)));
    const float small = (float)magnitude * 0x1p-24f;
    return sign ? -small : small;
}

// to_odd is the double next to the exact sum + error whose last bit is one, or the sum if it is exact.
PTX_INLINE double to_odd(double sum, double error) {
    if (error == 0 || !__builtin_isfinite(sum)) return sum;
    uint64_t u = as<uint64_t>(sum);
    if ((error < 0) != (sum < 0)) u--; // the exact sum is nearer to zero
    return as<double>(u | 1);
}
// odd is a sum to odd, by Knuth's two-sum; and an integer.
PTX_INLINE double odd(double a, double b) {
    const double sum = a + b, t = sum - a;
    return to_odd(sum, (a - (sum - t)) + (b - t));
}
template <class T> PTX_INLINE double odd(T x) {
    const double d = (double)x;
    if (sizeof(T) < 8) return d;
    return to_odd(d, (double)((__int128)x - (__int128)d));
}

template <class F> PTX_INLINE uint16_t half_add(uint16_t a, uint16_t b) {
    return half_of<F, rn>(odd(half_value<F>(a), half_value<F>(b)));
}
template <class F> PTX_INLINE uint16_t half_subtract(uint16_t a, uint16_t b) {
    return half_of<F, rn>(odd(half_value<F>(a), -half_value<F>(b)));
}
template <class F> PTX_INLINE uint16_t half_multiply(uint16_t a, uint16_t b) {
    return half_of<F, rn>((double)half_value<F>(a) * half_value<F>(b));
}
template <class F> PTX_INLINE uint16_t half_fma(uint16_t a, uint16_t b, uint16_t c) {
    return half_of<F, rn>(odd((double)half_value<F>(a) * half_value<F>(b), (double)half_value<F>(c)));
}
template <class F> PTX_INLINE uint16_t half_minimum(uint16_t a, uint16_t b) {
    return half_of<F, rn>(minimum(half_value<F>(a), half_value<F>(b)));
}
template <class F> PTX_INLINE uint16_t half_maximum(uint16_t a, uint16_t b) {
    return half_of<F, rn>(maximum(half_value<F>(a), half_value<F>(b)));
}
template <class F> PTX_INLINE uint16_t half_minimum_nan(uint16_t a, uint16_t b) {
    return half_of<F, rn>(minimum_nan(half_value<F>(a), half_value<F>(b)));
}
template <class F> PTX_INLINE uint16_t half_maximum_nan(uint16_t a, uint16_t b) {
    return half_of<F, rn>(maximum_nan(half_value<F>(a), half_value<F>(b)));
}
template <class F> PTX_INLINE uint16_t half_exp2(uint16_t a) {
    return half_of<F, rn>(__builtin_exp2f(half_value<F>(a)));
}
template <class F> PTX_INLINE uint16_t half_tanh(uint16_t a) {
    return half_of<F, rn>(__builtin_tanhf(half_value<F>(a)));
}

// half_relu makes zeros of negative numbers, and the canonical NaN of NaNs.
template <class F> PTX_INLINE uint16_t half_relu(uint16_t a) {
    const float x = half_value<F>(a);
    return x != x ? (uint16_t)F::nan : x > 0 ? a : (uint16_t)0;
}

// pairwise does an operation to both halves.
template <uint16_t (*f)(uint16_t)> PTX_INLINE uint32_t pairwise(uint32_t a) {
    return (uint32_t)f((uint16_t)(a >> 16)) << 16 | f((uint16_t)a);
}
template <uint16_t (*f)(uint16_t, uint16_t)> PTX_INLINE uint32_t pairwise(uint32_t a, uint32_t b) {
    return (uint32_t)f((uint16_t)(a >> 16), (uint16_t)(b >> 16)) << 16 | f((uint16_t)a, (uint16_t)b);
}
template <uint16_t (*f)(uint16_t, uint16_t, uint16_t)>
PTX_INLINE uint32_t pairwise(uint32_t a, uint32_t b, uint32_t c) {
    return (uint32_t)f((uint16_t)(a >> 16), (uint16_t)(b >> 16), (uint16_t)(c >> 16)) << 16 |
           f((uint16_t)a, (uint16_t)b, (uint16_t)c);
}

} // namespace ptx
} // namespace sim
