// elementwise.h: loops over elements for kernels that are bound by memory: four elements a thread at a time where all
// tensors are aligned, the rest one by one.
#pragma once

#include "device.h"

// Four is four activations in registers.
struct Four {
    float v[4];
};

DEVICE Four load4(const float *p) {
    const float4 q = *(const float4 *)p;
    Four r = {{q.x, q.y, q.z, q.w}};
    return r;
}

DEVICE Four load4(const bf16 *p) {
    const uint2 q = *(const uint2 *)p;
    Four r = {
        {bits_float(q.x << 16), bits_float(q.x & 0xffff0000u), bits_float(q.y << 16), bits_float(q.y & 0xffff0000u)}};
    return r;
}

DEVICE void store4(float *p, const Four &f) { *(float4 *)p = make_float4(f.v[0], f.v[1], f.v[2], f.v[3]); }

DEVICE void store4(bf16 *p, const Four &f) {
    uint2 q;
    q.x = rounded(f.v[0]).bits | (uint32_t)rounded(f.v[1]).bits << 16;
    q.y = rounded(f.v[2]).bits | (uint32_t)rounded(f.v[3]).bits << 16;
    *(uint2 *)p = q;
}

DEVICE int64_t thread_of_grid() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }
DEVICE int64_t threads_of_grid() { return (int64_t)gridDim.x * blockDim.x; }

// map1 is y[i] = f(x[i]).
template <class T, class F> DEVICE void map1(T *y, const T *x, int64_t n, F f) {
    const bool whole = aligned(x, 4 * sizeof(T)) && aligned(y, 4 * sizeof(T));
    const int64_t fours = whole ? n / 4 : 0, step = threads_of_grid();
    for (int64_t i = thread_of_grid(); i < fours; i += step) {
        Four a = load4(x + 4 * i);
#pragma unroll
        for (int k = 0; k < 4; k++) a.v[k] = f(a.v[k]);
        store4(y + 4 * i, a);
    }
    for (int64_t i = 4 * fours + thread_of_grid(); i < n; i += step) store(y + i, f(load(x + i)));
}

// map2 is y[i] = f(a[i], b[i]).
template <class T, class F> DEVICE void map2(T *y, const T *a, const T *b, int64_t n, F f) {
    const bool whole = aligned(a, 4 * sizeof(T)) && aligned(b, 4 * sizeof(T)) && aligned(y, 4 * sizeof(T));
    const int64_t fours = whole ? n / 4 : 0, step = threads_of_grid();
    for (int64_t i = thread_of_grid(); i < fours; i += step) {
        Four p = load4(a + 4 * i);
        const Four q = load4(b + 4 * i);
#pragma unroll
        for (int k = 0; k < 4; k++) p.v[k] = f(p.v[k], q.v[k]);
        store4(y + 4 * i, p);
    }
    for (int64_t i = 4 * fours + thread_of_grid(); i < n; i += step) store(y + i, f(load(a + i), load(b + i)));
}
