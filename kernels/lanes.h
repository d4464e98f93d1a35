// lanes.h: neighbouring channels of a place in one thread's registers: 16 bytes of them at once where the channels are
// a multiple of that, else one.
#pragma once

#include "device.h"

enum { piece_bytes = 16 };
AGREED(piece_bytes, piece_bytes)

// whole is how many elements of T such a piece has.
template <class T> struct Whole {
    enum { lanes = piece_bytes / sizeof(T) };
};

// pair is two bfloat16 as they lie in memory, a first.
DEVICE uint32_t pair(float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(b), "f"(a));
    return r;
#else
    return rounded(a).bits | (uint32_t)rounded(b).bits << 16;
#endif
}

// Words are bytes as they lie in memory: 1, 2, 4, 8, or a multiple of 16, at an address that is a multiple of that.
template <int bytes> struct Words {
    enum { count = (bytes + 3) / 4 };
    uint32_t word[count];

    DEVICE_MEMBER void clear() {
#pragma unroll
        for (int i = 0; i < count; i++) word[i] = 0;
    }
    DEVICE_MEMBER void read(const void *p) {
        if (bytes % 16 == 0) {
#pragma unroll
            for (int i = 0; i < count / 4; i++) {
                const uint4 q = ((const uint4 *)p)[i];
                word[4 * i] = q.x, word[4 * i + 1] = q.y, word[4 * i + 2] = q.z, word[4 * i + 3] = q.w;
            }
        } else if (bytes == 8) {
            const uint2 q = *(const uint2 *)p;
            word[0] = q.x, word[1 % count] = q.y;
        } else {
            word[0] = bytes == 4 ? *(const uint32_t *)p : bytes == 2 ? *(const uint16_t *)p : *(const uint8_t *)p;
        }
    }
    DEVICE_MEMBER void write(void *p) const {
        if (bytes % 16 == 0) {
#pragma unroll
            for (int i = 0; i < count / 4; i++)
                ((uint4 *)p)[i] = make_uint4(word[4 * i], word[4 * i + 1], word[4 * i + 2], word[4 * i + 3]);
        } else if (bytes == 8) *(uint2 *)p = make_uint2(word[0], word[1 % count]);
        else if (bytes == 4) *(uint32_t *)p = word[0];
        else if (bytes == 2) *(uint16_t *)p = (uint16_t)word[0];
        else *(uint8_t *)p = (uint8_t)word[0];
    }
};

// Lanes are n neighbours of a tensor.
template <class T, int n> struct Lanes;

template <int n> struct Lanes<float, n> : Words<4 * n> {
    DEVICE_MEMBER float value(int i) const { return bits_float(this->word[i]); }
    DEVICE_MEMBER void set(const float *v) {
#pragma unroll
        for (int i = 0; i < n; i++) this->word[i] = float_bits(v[i]);
    }
};

template <int n> struct Lanes<bf16, n> : Words<2 * n> {
    DEVICE_MEMBER float value(int i) const {
        const uint32_t two = this->word[i / 2];
        return bits_float(i % 2 ? two & 0xffff0000u : two << 16);
    }
    DEVICE_MEMBER void set(const float *v) {
#pragma unroll
        for (int i = 0; i < n; i += 2) this->word[i / 2] = n == 1 ? rounded(v[0]).bits : pair(v[i], v[(i + 1) % n]);
    }
};

template <int n, class T> DEVICE void get(float *v, const T *p) {
    Lanes<T, n> l;
    l.read(p);
#pragma unroll
    for (int i = 0; i < n; i++) v[i] = l.value(i);
}

template <int n, class T> DEVICE void put(T *p, const float *v) {
    Lanes<T, n> l;
    l.set(v);
    l.write(p);
}

// Places are a byte for each lane: of a window, the place that won.
template <int n> struct Places : Words<n> {
    DEVICE_MEMBER void set(const uint32_t *at) {
        this->clear();
#pragma unroll
        for (int i = 0; i < n; i++) this->word[i / 4] |= at[i] << i % 4 * 8;
    }
    DEVICE_MEMBER bool is(int i, uint32_t place) const {
        return ((this->word[i / 4] ^ place * 0x01010101u) & 0xffu << i % 4 * 8) == 0;
    }
};
