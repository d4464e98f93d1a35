// lrn.cu: local response normalisation across channels, and its gradient; formulas in engine/op/lrn.go.
// Layout   x, y, dy, dx: [N,H,W,C], groups side by side; s: the same in f32, kept for the gradient, or null
// Launch   a thread has 16 bytes of a place's channels, of one group, with their neighbours, and a window of 3, 5, 7 or
//          9. By the kernels called scalar, one channel and any window, which is read again for every channel. An
//          image's threads along x, images along y, striding
// Moves    forward reads x and writes y and s, backward reads x, s and dy and writes dx: 12 and 16 bytes an element in
//          f32, 8 and 10 in bf16. norm1 of AlexNet at batch 128 (37.2 M elements) in f32: 446 and 595 MB, 0.13 and 0.18
//          ms at an H100's 3.35 TB/s
// Fused    with the pooling that follows, and without keeping s: lrn_max_pool.cu
// Powers   s^-0.75 is r*sqrt(r) of r = rsqrt(s): within 8 * 2^-24 of it (4 of them rsqrtf's); other betas use powf,
//          which is as good
// Twin     engine/backend/reference/lrn.go
#include "lrn.h"
#include "tile.h"

// LRN is a normalisation of channels-last tensors. lrn.go has its twin.
struct LRN {
    Normalisation f;
    int n, images, area, channels, group; // n: the window; channels of all groups, and of one
    FastDivisor pieces;                   // of a place's channels
};

// Site is a thread's work: where its lanes are in an image, and which channel of their group the first is.
struct Site {
    int at, channel;
    bool valid;
};

DEVICE Site site_of(const LRN &p, int lanes) {
    const uint32_t number = blockIdx.x * blockDim.x + threadIdx.x, place = quotient(number, p.pieces);
    const int channel = (int)(number - place * p.pieces.divisor) * lanes;
    Site s;
    s.valid = place < (uint32_t)p.area;
    s.at = (int)place * p.channels + channel;
    s.channel = channel % p.group;
    return s;
}

// forward with a window of n channels in registers.
template <int n, int lanes, class T> DEVICE void forward(T *y, float *s, const T *x, const Site &site, const LRN &p) {
    Around<T, n / 2, lanes> around;
    float v[around.count], scale[lanes], normal[lanes];
    around.read(x, site.channel, p.group);
    around.unpack(v);
    scales_of<n, lanes>(scale, v, p.f);
#pragma unroll
    for (int i = 0; i < lanes; i++) normal[i] = v[i + n / 2] * power(scale[i], p.f.beta);
    if (s) put<lanes>(s, scale);
    put<lanes>(y, normal);
}

// forward_any is the same for any window and one channel.
template <class T> DEVICE void forward_any(T *y, float *s, const T *x, const Site &site, const LRN &p) {
    float squares = 0.f;
    for (int i = max(-site.channel, -(p.n / 2)); i <= min(p.group - 1 - site.channel, p.n / 2); i++)
        squares += load(x + i) * load(x + i);
    const float scale = p.f.k + p.f.alpha * squares;
    if (s) *s = scale;
    store(y, load(x) * power(scale, p.f.beta));
}

// Term is what the gradient needs of a channel: dy*s^-beta and dy*x*s^(-beta-1).
struct Term {
    float direct, shared;
};

DEVICE Term term(float x, float scale, float dy, float beta) {
    const float direct = dy * power(scale, beta);
    return Term{direct, direct * x / scale};
}

template <int n, int lanes, class T>
DEVICE void backward(T *dx, const T *x, const float *s, const T *dy, const Site &site, const LRN &p) {
    enum { half = n / 2, count = lanes + 2 * half };
    Around<T, half, lanes> xs, dys;
    Around<float, half, lanes> scales;
    float v[count], scale[count], gradient[count];
    xs.read(x, site.channel, p.group), scales.read(s, site.channel, p.group), dys.read(dy, site.channel, p.group);
    xs.unpack(v), scales.unpack(scale), dys.unpack(gradient);
    float direct[count], shared[count];
#pragma unroll
    for (int i = 0; i < count; i++) {
        const int channel = site.channel + i - half;
        const bool inside = channel >= 0 && channel < p.group;
        const Term t = term(v[i], inside ? scale[i] : 1.f, gradient[i], p.f.beta);
        direct[i] = t.direct, shared[i] = t.shared;
    }
    const float factor = 2.f * p.f.alpha * p.f.beta;
    float sums[lanes], d[lanes];
    window_sums<n, lanes, false>(sums, shared);
#pragma unroll
    for (int i = 0; i < lanes; i++) d[i] = direct[i + half] - factor * v[i + half] * sums[i];
    put<lanes>(dx, d);
}

template <class T>
DEVICE void backward_any(T *dx, const T *x, const float *s, const T *dy, const Site &site, const LRN &p) {
    float sum = 0.f;
    for (int i = max(-site.channel, -(p.n / 2)); i <= min(p.group - 1 - site.channel, p.n / 2); i++)
        sum += term(load(x + i), s[i], load(dy + i), p.f.beta).shared;
    store(dx, term(load(x), *s, load(dy), p.f.beta).direct - 2.f * p.f.alpha * p.f.beta * load(x) * sum);
}

template <int lanes, class T>
DEVICE void each_forward(T *RESTRICT y, float *RESTRICT s, const T *RESTRICT x, const LRN &p) {
    const Site site = site_of(p, lanes);
    if (!site.valid) return;
    for (int image = blockIdx.y; image < p.images; image += gridDim.y) {
        const int64_t at = (int64_t)image * p.area * p.channels + site.at;
        float *kept = s ? s + at : s;
        if (lanes == 1) forward_any(y + at, kept, x + at, site, p);
        else if (p.n == 3) forward<3, lanes>(y + at, kept, x + at, site, p);
        else if (p.n == 5) forward<5, lanes>(y + at, kept, x + at, site, p);
        else if (p.n == 7) forward<7, lanes>(y + at, kept, x + at, site, p);
        else forward<9, lanes>(y + at, kept, x + at, site, p);
    }
}

template <int lanes, class T>
DEVICE void each_backward(T *RESTRICT dx, const T *RESTRICT x, const float *RESTRICT s, const T *RESTRICT dy,
                          const LRN &p) {
    const Site site = site_of(p, lanes);
    if (!site.valid) return;
    for (int image = blockIdx.y; image < p.images; image += gridDim.y) {
        const int64_t at = (int64_t)image * p.area * p.channels + site.at;
        if (lanes == 1) backward_any(dx + at, x + at, s + at, dy + at, site, p);
        else if (p.n == 3) backward<3, lanes>(dx + at, x + at, s + at, dy + at, site, p);
        else if (p.n == 5) backward<5, lanes>(dx + at, x + at, s + at, dy + at, site, p);
        else if (p.n == 7) backward<7, lanes>(dx + at, x + at, s + at, dy + at, site, p);
        else backward<9, lanes>(dx + at, x + at, s + at, dy + at, site, p);
    }
}

#define LRN_KERNELS(T, name, lanes)                                                                                    \
    KERNEL_ONCE(256) lrn_forward_##name(T *y, float *s, const T *x, LRN p) { each_forward<lanes>(y, s, x, p); }        \
    KERNEL_ONCE(256) lrn_backward_##name(T *dx, const T *x, const float *s, const T *dy, LRN p) {                      \
        each_backward<lanes>(dx, x, s, dy, p);                                                                         \
    }

LRN_KERNELS(float, f32, Whole<float>::lanes)
LRN_KERNELS(float, scalar_f32, 1)
LRN_KERNELS(bf16, bf16, Whole<bf16>::lanes)
LRN_KERNELS(bf16, scalar_bf16, 1)
