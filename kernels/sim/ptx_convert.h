// ptx_convert.h: conversions between integers and floats.
#pragma once

namespace sim {
namespace ptx {

// integral rounds to an integer that remains a float.
template <Rounding r> PTX_INLINE float integral(float x) {
    return r == rn   ? __builtin_rintf(x)
           : r == rz ? __builtin_truncf(x)
           : r == rm ? __builtin_floorf(x)
                     : __builtin_ceilf(x);
}
template <Rounding r> PTX_INLINE double integral(double x) {
    return r == rn   ? __builtin_rint(x)
           : r == rz ? __builtin_trunc(x)
           : r == rm ? __builtin_floor(x)
                     : __builtin_ceil(x);
}

// to_integer gives the nearest number that To has. A NaN is zero, except where 64 bits take part.
template <class To, Rounding r, class From> PTX_INLINE To to_integer(From x) {
    if (x != x) return sizeof(From) == 8 || sizeof(To) == 8 ? (To)((Unsigned<To>)1 << (bits<To> - 1)) : (To)0;
    const From whole = integral<r>(x);
    const From beyond = (From)((Unsigned<To>)1 << (std::numeric_limits<To>::digits - 1)) * 2;
    if (whole >= beyond) return std::numeric_limits<To>::max();
    if (whole < (From)std::numeric_limits<To>::min()) return std::numeric_limits<To>::min();
    return (To)whole;
}

// clamped is the nearest number that To has.
template <class To, class From> PTX_INLINE To clamped(From x) {
    const __int128 least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
    return x < least ? (To)least : x > most ? (To)most : (To)x;
}

template <class To, Rounding r, class From> PTX_INLINE To from_integer(From x) { return rounded<To, r>(x); }
template <Rounding r> PTX_INLINE float narrowed(double x) { return rounded<float, r>(x); }

} // namespace ptx
} // namespace sim
