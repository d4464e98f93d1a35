// lrn.cu: local response normalisation across channels, and its gradient; formulas in engine/op/lrn.go.
// Layout   x, y, dy, dx: [N,C,H,W]; s: the same in f32, kept for the gradient, or null
// Launch   block 128 over the N*H*W places, so that neighbours read neighbours; along y the groups, and chunks of a
//          group's channels. A thread walks the channels of its chunk four at a time, whose loads are under way
//          together, with the window in registers: every element is read once, and n/2 at each edge of a chunk once
//          more
// Moves    forward reads x and writes y and s, backward reads x, s and dy and writes dx: 12 and 16 bytes an element in
//          f32, 8 and 10 in bf16. About 40 and 70 instructions an element for n = 5. norm1 of AlexNet at batch 128
//          (37.2 M elements) in f32: 446 and 595 MB, 0.13 and 0.18 ms at an H100's 3.35 TB/s, at 40 % of its issue rate
// Fused    with the pooling that follows, and without keeping s: lrn_max_pool.cu
// Powers   s^-0.75 is r*sqrt(r) of r = rsqrt(s): within 8 * 2^-24 of it (4 of them rsqrtf's); other betas use powf,
//          which is as good
// Twin     engine/backend/reference/lrn.go
#include "lrn.h"

// forward with a window of n channels in registers.
template <int n, class T>
DEVICE void forward(T *RESTRICT y, float *RESTRICT s, const T *RESTRICT x, const Column &c, const Normalisation &f) {
    enum { half = n / 2, kept = n - 1 };
    float window[kept + steps]; // from channel-half on
    read<half, kept>(window, c, x, c.first - half);
    for (int channel = c.first; channel < c.last; channel += steps) {
        read<half, steps>(window + kept, c, x, channel + half);
#pragma unroll
        for (int k = 0; k < steps; k++) {
            if (channel + k >= c.last) break;
            const float scale = scale_of<n>(window + k, f);
            const int at = (channel + k) * c.area;
            if (s) s[at] = scale;
            store(y + at, window[k + half] * power(scale, f.beta));
        }
        slide<kept>(window);
    }
}

// forward_any is the same for any window, which is read again for every channel.
template <class T>
DEVICE void forward_any(T *RESTRICT y, float *RESTRICT s, const T *RESTRICT x, const Column &c, const Normalisation &f,
                        int n) {
    for (int channel = c.first; channel < c.last; channel++) {
        float squares = 0.f;
        for (int j = max(0, channel - n / 2); j <= min(c.channels - 1, channel + n / 2); j++) {
            const float v = load(x + j * c.area);
            squares += v * v;
        }
        const float scale = f.k + f.alpha * squares;
        const int at = channel * c.area;
        if (s) s[at] = scale;
        store(y + at, load(x + at) * power(scale, f.beta));
    }
}

// load_terms reads some channels' terms: first all loads, then the arithmetic. Outside of the group they are 0.
template <int half, int count, class T>
DEVICE void load_terms(Term *terms, const T *x, const float *s, const T *dy, const Column &c, int channel, float beta) {
    float xs[count], scales[count], dys[count];
#pragma unroll
    for (int k = 0; k < count; k++) {
        const int j = channel + k, at = j * c.area;
        const bool inside = j >= 0 && j < min(c.channels, c.last + half);
        xs[k] = inside ? load(x + at) : 0.f;
        scales[k] = inside ? s[at] : 1.f;
        dys[k] = inside ? load(dy + at) : 0.f;
    }
#pragma unroll
    for (int k = 0; k < count; k++) terms[k] = term(xs[k], scales[k], dys[k], beta);
}

template <int n, class T>
DEVICE void backward(T *RESTRICT dx, const T *RESTRICT x, const float *RESTRICT s, const T *RESTRICT dy,
                     const Column &c, const Normalisation &f) {
    enum { half = n / 2, kept = n - 1 };
    const float factor = 2.f * f.alpha * f.beta;
    Term window[kept + steps];
    load_terms<half, kept>(window, x, s, dy, c, c.first - half, f.beta);
    for (int channel = c.first; channel < c.last; channel += steps) {
        load_terms<half, steps>(window + kept, x, s, dy, c, channel + half, f.beta);
#pragma unroll
        for (int k = 0; k < steps; k++) {
            if (channel + k >= c.last) break;
            store(dx + (channel + k) * c.area, gradient<n>(window + k, factor));
        }
        slide<kept>(window);
    }
}

template <class T>
DEVICE void backward_any(T *RESTRICT dx, const T *RESTRICT x, const float *RESTRICT s, const T *RESTRICT dy,
                         const Column &c, const Normalisation &f, int n) {
    const float factor = 2.f * f.alpha * f.beta;
    for (int channel = c.first; channel < c.last; channel++) {
        float sum = 0.f;
        for (int j = max(0, channel - n / 2); j <= min(c.channels - 1, channel + n / 2); j++) {
            const int at = j * c.area;
            sum += term(load(x + at), s[at], load(dy + at), f.beta).shared;
        }
        const int at = channel * c.area;
        const Term own = term(load(x + at), s[at], load(dy + at), f.beta);
        store(dx + at, own.direct - factor * own.x * sum);
    }
}

#define LRN_KERNELS(T, name)                                                                                           \
    KERNEL(128)                                                                                                        \
    lrn_forward_##name(T *y, float *s, const T *x, uint32_t places, int groups, int channels, int area, int chunk,     \
                       int n, float k, float alpha, float beta) {                                                      \
        const Column c = column_of(places, groups, channels, area, chunk);                                             \
        const Normalisation f = {k, alpha, beta};                                                                      \
        if (!c.valid) return;                                                                                          \
        if (s) s += c.at;                                                                                              \
        switch (n) {                                                                                                   \
        case 3: return forward<3>(y + c.at, s, x + c.at, c, f);                                                        \
        case 5: return forward<5>(y + c.at, s, x + c.at, c, f);                                                        \
        case 7: return forward<7>(y + c.at, s, x + c.at, c, f);                                                        \
        case 9: return forward<9>(y + c.at, s, x + c.at, c, f);                                                        \
        default: return forward_any(y + c.at, s, x + c.at, c, f, n);                                                   \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL(128)                                                                                                        \
    lrn_backward_##name(T *dx, const T *x, const float *s, const T *dy, uint32_t places, int groups, int channels,     \
                        int area, int chunk, int n, float k, float alpha, float beta) {                                \
        const Column c = column_of(places, groups, channels, area, chunk);                                             \
        const Normalisation f = {k, alpha, beta};                                                                      \
        if (!c.valid) return;                                                                                          \
        switch (n) {                                                                                                   \
        case 3: return backward<3>(dx + c.at, x + c.at, s + c.at, dy + c.at, c, f);                                    \
        case 5: return backward<5>(dx + c.at, x + c.at, s + c.at, dy + c.at, c, f);                                    \
        case 7: return backward<7>(dx + c.at, x + c.at, s + c.at, dy + c.at, c, f);                                    \
        case 9: return backward<9>(dx + c.at, x + c.at, s + c.at, dy + c.at, c, f);                                    \
        default: return backward_any(dx + c.at, x + c.at, s + c.at, dy + c.at, c, f, n);                               \
        }                                                                                                              \
    }

LRN_KERNELS(float, f32)
LRN_KERNELS(bf16, bf16)
