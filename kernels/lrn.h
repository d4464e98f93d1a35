// lrn.h: what the kernels of local response normalisation share; formulas in engine/op/lrn.go.
#pragma once

#include "lanes.h"

// Normalisation is the formula's attributes; alpha is its coefficient, already divided where that is asked for.
struct Normalisation {
    float k, alpha, beta;
};

// power is s^-beta.
DEVICE float power(float s, float beta) {
    if (beta == 0.75f) {
        const float r = rsqrtf(s);
        return r * sqrtf(r);
    }
    return powf(s, -beta);
}

// Around is a thread's lanes with `half` channels to each side, as they lie in memory; of what is outside of the group,
// zeros.
template <class T, int half, int lanes> struct Around {
    enum {
        edge = lanes == 1  ? 1
               : half <= 2 ? 2
                           : 4,        // channels that are read at once
        edges = lanes == 1 ? half : 1, // of each side
        count = lanes + 2 * half
    };
    Lanes<T, lanes> own;
    Lanes<T, edge> before[edges], behind[edges];

    // read reads the lanes at p, which begin with channel `first` of the group's `channels`.
    DEVICE_MEMBER void read(const T *p, int first, int channels) {
        own.read(p);
#pragma unroll
        for (int i = 0; i < edges; i++) {
            const int left = (edges - i) * edge, right = lanes + i * edge;
            before[i].clear(), behind[i].clear();
            if (first >= left) before[i].read(p - left);
            if (first + right < channels) behind[i].read(p + right);
        }
    }
    DEVICE_MEMBER void unpack(float *v) const {
#pragma unroll
        for (int i = 0; i < half; i++) {
            const int at = edges * edge - half + i;
            v[i] = before[at / edge].value(at % edge);
            v[half + lanes + i] = behind[i / edge].value(i % edge);
        }
#pragma unroll
        for (int i = 0; i < lanes; i++) v[half + i] = own.value(i);
    }
};

// window_sums has the sums of n neighbours, from each of the first `lanes` on; of their squares, if asked for. Blocks
// of n are summed up from both ends, and a window is the end of one and the beginning of the next: half of the
// additions.
template <int n, int lanes, bool squared> DEVICE void window_sums(float *sums, const float *v) {
    enum { count = lanes + n - 1 };
    float from_first[count], to_last[count]; // of an element's block
#pragma unroll
    for (int i = 0; i < count; i++) {
        if (squared) from_first[i] = i % n ? from_first[i - 1] + v[i] * v[i] : v[i] * v[i];
        else from_first[i] = i % n ? from_first[i - 1] + v[i] : v[i];
    }
#pragma unroll
    for (int i = count - 1; i >= 0; i--) {
        const bool last = i % n == n - 1 || i == count - 1;
        if (squared) to_last[i] = last ? v[i] * v[i] : to_last[i + 1] + v[i] * v[i];
        else to_last[i] = last ? v[i] : to_last[i + 1] + v[i];
    }
#pragma unroll
    for (int i = 0; i < lanes; i++) sums[i] = i % n ? to_last[i] + from_first[i + n - 1] : from_first[i + n - 1];
}

// scales_of are the formula's s of lanes with their neighbours.
template <int n, int lanes> DEVICE void scales_of(float *scales, const float *around, const Normalisation &f) {
    float squares[lanes];
    window_sums<n, lanes, true>(squares, around);
#pragma unroll
    for (int i = 0; i < lanes; i++) scales[i] = f.k + f.alpha * squares[i];
}
