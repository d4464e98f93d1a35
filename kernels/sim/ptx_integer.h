// ptx_integer.h: integer and bit instructions whose C++ is more than an operator. Nothing here overflows a signed type.
#pragma once

namespace sim {
namespace ptx {

template <class T> constexpr unsigned bits = 8 * sizeof(T);
template <class T> using Unsigned = std::make_unsigned_t<T>;
template <class T> using Signed = std::make_signed_t<T>;

template <class T> PTX_INLINE T larger(T a, T b) { return a > b ? a : b; }

// Shifts by all bits or more leave nothing of the value but, to the right, the sign.
template <class T> PTX_INLINE T shift_left(T a, uint32_t n) { return n < bits<T> ? (T)((uint64_t)a << n) : (T)0; }
template <class T> PTX_INLINE T shift_right(T a, uint32_t n) { return n < bits<T> ? (T)(a >> n) : (T)(a < 0 ? -1 : 0); }

PTX_INLINE uint32_t funnel_left(uint32_t low, uint32_t high, uint32_t n) {
    return n < 32 ? (uint32_t)(((uint64_t)high << 32 | low) << n >> 32) : low;
}
PTX_INLINE uint32_t funnel_right(uint32_t low, uint32_t high, uint32_t n) {
    return (uint32_t)(((uint64_t)high << 32 | low) >> n);
}

// By zero the hardware gives all ones, and the dividend as the remainder. The least number by -1 is itself.
template <class T> PTX_INLINE T divide(T a, T b) {
    if (b == 0) return (T)-1;
    if (std::is_signed<T>::value && b == (T)-1) return (T)(0 - (Unsigned<T>)a);
    return (T)(a / b);
}
template <class T> PTX_INLINE T remainder(T a, T b) {
    if (b == 0) return a;
    if (std::is_signed<T>::value && b == (T)-1) return 0;
    return (T)(a % b);
}

template <class T> PTX_INLINE T absolute(T a) { return a < 0 ? (T)(0 - (Unsigned<T>)a) : a; }
template <class T> PTX_INLINE Unsigned<T> distance(T a, T b) {
    return (Unsigned<T>)(a < b ? (Unsigned<T>)b - (Unsigned<T>)a : (Unsigned<T>)a - (Unsigned<T>)b);
}

PTX_INLINE int32_t to_int32(int64_t x) { return x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : (int32_t)x; }
PTX_INLINE int32_t add_saturating(int32_t a, int32_t b) { return to_int32((int64_t)a + b); }
PTX_INLINE int32_t subtract_saturating(int32_t a, int32_t b) { return to_int32((int64_t)a - b); }

// The lower 24 bits, the sign among them where there is one: the product has 48.
PTX_INLINE uint64_t product24(uint32_t a, uint32_t b) { return (uint64_t)(a & 0xffffff) * (b & 0xffffff); }
PTX_INLINE int64_t product24(int32_t a, int32_t b) {
    return (int64_t)((int32_t)((uint32_t)a << 8) >> 8) * ((int32_t)((uint32_t)b << 8) >> 8);
}
template <class T> PTX_INLINE uint32_t multiply24(T a, T b) { return (uint32_t)product24(a, b); }
template <class T> PTX_INLINE uint32_t multiply24_high(T a, T b) { return (uint32_t)(product24(a, b) >> 16); }

template <class T> PTX_INLINE T add_carry(T a, T b, bool &carry, bool sets) {
    T sum, all;
    const bool first = __builtin_add_overflow(a, b, &sum), second = __builtin_add_overflow(sum, (T)carry, &all);
    if (sets) carry = first || second;
    return all;
}
template <class T> PTX_INLINE T subtract_borrow(T a, T b, bool &borrow, bool sets) {
    T difference, all;
    const bool first = __builtin_sub_overflow(a, b, &difference),
               second = __builtin_sub_overflow(difference, (T)borrow, &all);
    if (sets) borrow = first || second;
    return all;
}

template <int table> PTX_INLINE uint32_t logic3(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t r = 0;
    for (int i = 0; i < 8; i++)
        if (table >> i & 1) r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return r;
}

PTX_INLINE uint32_t ones(uint32_t x) { return (uint32_t)__builtin_popcount(x); }
PTX_INLINE uint32_t ones(uint64_t x) { return (uint32_t)__builtin_popcountll(x); }
PTX_INLINE uint32_t leading_zeros(uint32_t x) { return x ? (uint32_t)__builtin_clz(x) : 32; }
PTX_INLINE uint32_t leading_zeros(uint64_t x) { return x ? (uint32_t)__builtin_clzll(x) : 64; }
PTX_INLINE uint32_t reversed(uint32_t x) { return __brev(x); }
PTX_INLINE uint64_t reversed(uint64_t x) { return (uint64_t)__brev((uint32_t)x) << 32 | __brev((uint32_t)(x >> 32)); }

// The highest one, of a negative number the highest zero; all ones where there is none.
template <class T> PTX_INLINE uint32_t highest_bit(T a) {
    const Unsigned<T> x = (Unsigned<T>)(a < 0 ? ~a : a);
    return x ? bits<T> - 1 - leading_zeros(x) : ~0u;
}
template <class T> PTX_INLINE uint32_t highest_bit_shift(T a) {
    const uint32_t at = highest_bit(a);
    return at == ~0u ? at : bits<T> - 1 - at;
}

// extract is n bits from one on, behind the last by the sign; only the lower 8 bits of both count.
template <class T> PTX_INLINE T extract(T a, uint32_t from, uint32_t n) {
    from &= 255, n &= 255;
    if (n == 0) return 0;
    const uint32_t last = from + n - 1 < bits<T> - 1 ? from + n - 1 : bits<T> - 1;
    const Unsigned<T> u = (Unsigned<T>)a;
    const bool sign = std::is_signed<T>::value && u >> last & 1;
    Unsigned<T> field = shift_right(u, from);
    if (n < bits<T>) field &= ((Unsigned<T>)1 << n) - 1;
    if (!sign) return (T)field;
    const uint32_t have = from > last ? 0 : last - from + 1; // bits of the field that are in a
    return (T)(have < bits<T> ? field | (Unsigned<T>)~(Unsigned<T>)0 << have : field);
}
template <class T> PTX_INLINE T insert(T a, T b, uint32_t at, uint32_t n) {
    at &= 255, n &= 255;
    if (at >= bits<T> || n == 0) return b;
    const T mask = (n < bits<T> ? ((T)1 << n) - 1 : ~(T)0) << at;
    return (b & ~mask) | ((a << at) & mask);
}

// find_set is the bit that is the offset-th one of a mask, counted from base on: upwards, or downwards when negative.
static inline uint32_t find_set(uint32_t mask, uint32_t base, int32_t offset) {
    if (offset == 0) return base < 32 && mask >> base & 1 ? base : ~0u;
    int32_t left = offset < 0 ? -offset : offset;
    for (int64_t i = base; i >= 0 && i < 32; i += offset < 0 ? -1 : 1)
        if (mask >> i & 1 && --left == 0) return (uint32_t)i;
    return ~0u;
}
PTX_INLINE uint32_t mask_clamped(uint32_t at, uint32_t n) {
    const uint64_t field = n < 32 ? (1ull << n) - 1 : 0xffffffffull;
    return at < 32 ? (uint32_t)(field << at) : 0;
}
template <class T> PTX_INLINE T extend(T a, uint32_t n) { return n >= 32 ? a : extract(a, 0, n); }

// Sums of products of four bytes, or of two halves by two bytes from one on.
template <bool a_signed, bool b_signed> PTX_INLINE uint32_t dot4(uint32_t a, uint32_t b, uint32_t c, int) {
    for (int i = 0; i < 4; i++) {
        const uint32_t x = a >> 8 * i & 255, y = b >> 8 * i & 255;
        c += (a_signed ? (uint32_t)(int8_t)x : x) * (b_signed ? (uint32_t)(int8_t)y : y);
    }
    return c;
}
template <bool a_signed, bool b_signed> PTX_INLINE uint32_t dot2(uint32_t a, uint32_t b, uint32_t c, int first) {
    for (int i = 0; i < 2; i++) {
        const uint32_t x = a >> 16 * i & 0xffff, y = b >> 8 * (i + first) & 255;
        c += (a_signed ? (uint32_t)(int16_t)x : x) * (b_signed ? (uint32_t)(int8_t)y : y);
    }
    return c;
}

// permute picks four of the eight bytes of b:a; the upper bit of a choice asks for the byte's sign in all its bits.
PTX_INLINE uint32_t permute(uint32_t a, uint32_t b, uint32_t choice) {
    const uint64_t all = (uint64_t)b << 32 | a;
    uint32_t r = 0;
    for (int i = 0; i < 4; i++) {
        const uint32_t c = choice >> 4 * i & 15, byte = (uint32_t)(all >> 8 * (c & 7)) & 255;
        r |= (c & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * i;
    }
    return r;
}
PTX_INLINE uint32_t pick(uint32_t a, uint32_t b, const uint16_t (&by)[4], uint32_t c) {
    return permute(a, b, by[c & 3]);
}
PTX_INLINE uint32_t permute_f4e(uint32_t a, uint32_t b, uint32_t c) {
    return pick(a, b, {0x3210, 0x4321, 0x5432, 0x6543}, c);
}
PTX_INLINE uint32_t permute_b4e(uint32_t a, uint32_t b, uint32_t c) {
    return pick(a, b, {0x5670, 0x6701, 0x7012, 0x0123}, c);
}
PTX_INLINE uint32_t permute_rc8(uint32_t a, uint32_t b, uint32_t c) {
    return pick(a, b, {0x0000, 0x1111, 0x2222, 0x3333}, c);
}
PTX_INLINE uint32_t permute_ecl(uint32_t a, uint32_t b, uint32_t c) {
    return pick(a, b, {0x3210, 0x3211, 0x3222, 0x3333}, c);
}
PTX_INLINE uint32_t permute_ecr(uint32_t a, uint32_t b, uint32_t c) {
    return pick(a, b, {0x0000, 0x1110, 0x2210, 0x3210}, c);
}
PTX_INLINE uint32_t permute_rc16(uint32_t a, uint32_t b, uint32_t c) {
    return pick(a, b, {0x1010, 0x3232, 0x1010, 0x3232}, c);
}

} // namespace ptx
} // namespace sim
