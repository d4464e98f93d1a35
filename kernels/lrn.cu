// lrn.cu: local response normalisation across channels, and its gradient; formulas in engine/op/lrn.go.
// Layout   x, y, dy, dx: [N,C,H,W]; s: the same in f32, kept for the gradient, or null
// Launch   block 128 along the H*W places of a map, so that neighbours read neighbours; images and groups along y; a thread
//          walks `chunk` channels of its group, with the window in registers: every element is read once (and twice at the
//          edges of a chunk, where there are not enough places to fill a GPU with whole groups)
// Moves    forward reads x and writes y and s: 12 bytes an element in f32, and does N+2 operations and a power; backward
//          reads x, s, dy and writes dx: 16 bytes. norm1 of AlexNet at batch 128 (37.2 M elements): forward 446 MB, backward
//          595 MB, 0.13 and 0.18 ms at an H100's 3.35 TB/s
// Fusing   with the pooling that follows would save writing and reading y once: 298 MB for norm1 and 191 MB for norm2 in
//          f32, 0.15 ms of a step that moves about 9 GB (2.7 ms at the same rate) and computes for longer than that. Not done:
//          the graph's two operations stay two
// Powers   s^-0.75 is rsqrt(s)*sqrt(rsqrt(s)), within 4 units in the last place of f32; other betas use powf
// Twin     engine/backend/reference/lrn.go
#include "device.h"

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

// Column is one thread's work: channels first to last of a group's `channels` at one place of the map.
struct Column {
    int64_t at; // of channel 0 of the group
    int first, last, channels, area;
    bool valid;
};

DEVICE Column column_of(int groups, int channels, int area, int chunk) {
    Column c;
    const int place = blockIdx.x * blockDim.x + threadIdx.x;
    c.valid = place < area;
    c.at = ((int64_t)blockIdx.z * groups + blockIdx.y % groups) * channels * area + place;
    c.first = blockIdx.y / groups * chunk;
    c.last = c.first + chunk < channels ? c.first + chunk : channels;
    c.channels = channels;
    c.area = area;
    return c;
}

// value is an element of a column, 0 outside of the group.
template <class T> DEVICE float value(const Column &c, const T *x, int channel) {
    return channel >= 0 && channel < c.channels ? load(x + c.at + (int64_t)channel * c.area) : 0.f;
}

// forward with a window of n channels in registers.
template <int n, class T> DEVICE void forward(T *y, float *s, const T *x, const Column &c, const Normalisation &f) {
    float window[n]; // channels channel-n/2 to channel+n/2
#pragma unroll
    for (int i = 1; i < n; i++) window[i] = value(c, x, c.first + i - 1 - n / 2);
    for (int channel = c.first; channel < c.last; channel++) {
#pragma unroll
        for (int i = 0; i + 1 < n; i++) window[i] = window[i + 1];
        window[n - 1] = value(c, x, channel + n / 2);
        float squares = 0.f;
#pragma unroll
        for (int i = 0; i < n; i++) squares += window[i] * window[i];
        const float scale = f.k + f.alpha * squares;
        const int64_t at = c.at + (int64_t)channel * c.area;
        if (s) s[at] = scale;
        store(y + at, window[n / 2] * power(scale, f.beta));
    }
}

// forward_any is the same for any window, which is read again for every channel.
template <class T> DEVICE void forward_any(T *y, float *s, const T *x, const Column &c, const Normalisation &f, int n) {
    for (int channel = c.first; channel < c.last; channel++) {
        float squares = 0.f;
        for (int j = channel - n / 2; j <= channel + n / 2; j++) {
            const float v = value(c, x, j);
            squares += v * v;
        }
        const float scale = f.k + f.alpha * squares;
        const int64_t at = c.at + (int64_t)channel * c.area;
        if (s) s[at] = scale;
        store(y + at, load(x + at) * power(scale, f.beta));
    }
}

// Term is what the gradient needs of a channel: x, dy*s^-beta and dy*x*s^(-beta-1).
struct Term {
    float x, direct, shared;
};

template <class T> DEVICE Term term(const Column &c, const T *x, const float *s, const T *dy, int channel, float beta) {
    Term t = {0.f, 0.f, 0.f};
    if (channel < 0 || channel >= c.channels) return t;
    const int64_t at = c.at + (int64_t)channel * c.area;
    const float scale = s[at];
    t.x = load(x + at);
    t.direct = load(dy + at) * power(scale, beta);
    t.shared = t.direct * t.x / scale;
    return t;
}

template <int n, class T>
DEVICE void backward(T *dx, const T *x, const float *s, const T *dy, const Column &c, const Normalisation &f) {
    Term window[n];
#pragma unroll
    for (int i = 1; i < n; i++) window[i] = term(c, x, s, dy, c.first + i - 1 - n / 2, f.beta);
    const float factor = 2.f * f.alpha * f.beta;
    for (int channel = c.first; channel < c.last; channel++) {
#pragma unroll
        for (int i = 0; i + 1 < n; i++) window[i] = window[i + 1];
        window[n - 1] = term(c, x, s, dy, channel + n / 2, f.beta);
        float sum = 0.f;
#pragma unroll
        for (int i = 0; i < n; i++) sum += window[i].shared;
        store(dx + c.at + (int64_t)channel * c.area, window[n / 2].direct - factor * window[n / 2].x * sum);
    }
}

template <class T>
DEVICE void backward_any(T *dx, const T *x, const float *s, const T *dy, const Column &c, const Normalisation &f, int n) {
    const float factor = 2.f * f.alpha * f.beta;
    for (int channel = c.first; channel < c.last; channel++) {
        float sum = 0.f;
        for (int j = channel - n / 2; j <= channel + n / 2; j++) sum += term(c, x, s, dy, j, f.beta).shared;
        const Term own = term(c, x, s, dy, channel, f.beta);
        store(dx + c.at + (int64_t)channel * c.area, own.direct - factor * own.x * sum);
    }
}

#define LRN_KERNELS(T, name)                                                                                           \
    KERNEL(128) lrn_forward_##name(T *y, float *s, const T *x, int groups, int channels, int area, int chunk, int n,    \
                                   float k, float alpha, float beta) {                                                 \
        const Column c = column_of(groups, channels, area, chunk);                                                     \
        const Normalisation f = {k, alpha, beta};                                                                      \
        if (!c.valid) return;                                                                                          \
        switch (n) {                                                                                                   \
        case 3: return forward<3>(y, s, x, c, f);                                                                      \
        case 5: return forward<5>(y, s, x, c, f);                                                                      \
        case 9: return forward<9>(y, s, x, c, f);                                                                      \
        default: return forward_any(y, s, x, c, f, n);                                                                 \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL(128) lrn_backward_##name(T *dx, const T *x, const float *s, const T *dy, int groups, int channels, int area, \
                                    int chunk, int n, float k, float alpha, float beta) {                              \
        const Column c = column_of(groups, channels, area, chunk);                                                     \
        const Normalisation f = {k, alpha, beta};                                                                      \
        if (!c.valid) return;                                                                                          \
        switch (n) {                                                                                                   \
        case 3: return backward<3>(dx, x, s, dy, c, f);                                                                \
        case 5: return backward<5>(dx, x, s, dy, c, f);                                                                \
        case 9: return backward<9>(dx, x, s, dy, c, f);                                                                \
        default: return backward_any(dx, x, s, dy, c, f, n);                                                           \
        }                                                                                                              \
    }

LRN_KERNELS(float, f32)
LRN_KERNELS(bf16, bf16)
