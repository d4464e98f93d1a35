// host_types.h: CUDA's vectors, with its alignments.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// SIM_VECTORS defines T1 to T4 of a scalar, and how they are made.
// clang-format off
#define SIM_VECTORS(name, scalar) \
    struct name##1 { scalar x; }; \
    struct alignas(2 * sizeof(scalar)) name##2 { scalar x, y; }; \
    struct alignas(sizeof(scalar) > 4 ? 16 : 4 * sizeof(scalar)) name##4 { scalar x, y, z, w; }; \
    static inline name##1 make_##name##1(scalar x) { return {x}; } \
    static inline name##2 make_##name##2(scalar x, scalar y) { return {x, y}; } \
    static inline name##3 make_##name##3(scalar x, scalar y, scalar z) { return {x, y, z}; } \
    static inline name##4 make_##name##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }
#define SIM_VECTOR3(name, scalar) struct name##3 { scalar x, y, z; };
// clang-format on

SIM_VECTOR3(float, float)
SIM_VECTOR3(double, double)
SIM_VECTOR3(int, int)
SIM_VECTOR3(char, signed char)
SIM_VECTOR3(uchar, unsigned char)
SIM_VECTOR3(short, short)
SIM_VECTOR3(ushort, unsigned short)
SIM_VECTOR3(longlong, long long)
SIM_VECTOR3(ulonglong, unsigned long long)

SIM_VECTORS(float, float)
SIM_VECTORS(double, double)
SIM_VECTORS(int, int)
SIM_VECTORS(uint, unsigned)
SIM_VECTORS(char, signed char)
SIM_VECTORS(uchar, unsigned char)
SIM_VECTORS(short, short)
SIM_VECTORS(ushort, unsigned short)
SIM_VECTORS(longlong, long long)
SIM_VECTORS(ulonglong, unsigned long long)

#undef SIM_VECTORS
#undef SIM_VECTOR3

namespace sim {

// as is the same bits as another type.
template <class To, class From> static inline __attribute__((always_inline)) To as(From from) {
    static_assert(sizeof(To) == sizeof(From), "as keeps the size");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

static inline __attribute__((always_inline)) uint32_t bits_of(float x) { return as<uint32_t>(x); }
static inline __attribute__((always_inline)) float float_of(uint32_t u) { return as<float>(u); }

} // namespace sim
