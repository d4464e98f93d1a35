//go:build dnnl

// warp.cpp: a window of stored pixels, of any size, shape and turn, to the network's input; formula in
// engine/op/warp.go.
#include "guard.hpp"
#include "loops.hpp"

#include <cmath>

namespace duet {

namespace {

constexpr int64_t channels = 3, draws = 11; // of an image: two places of three numbers, brightness, contrast, shifts

struct Sight {
    int64_t h, w, side; // of the stored image, and of the crop
    bool whole;         // the mean is an image, not one value a channel
    float scale[channels];
};

// place is first + a * i + b * j of three drawn numbers. Products of a float and a small whole number are exact in
// double, so that each sum is rounded once.
float place(const float *draw, int64_t i, int64_t j) {
    const float inner = float(double(draw[2]) * double(j) + double(draw[0]));
    return float(double(draw[1]) * double(i) + double(inner));
}

// Between is which two of n pixels a place lies between, and how far from the first; not inside: none.
struct Between {
    int64_t first, second;
    float share;
    bool inside;
    Between(float at, int64_t n) : first(0), second(0), share(0), inside(at >= -0.5f && double(at) < double(n) - 0.5) {
        if (!inside) return;
        const float x = std::clamp(at, 0.f, float(n - 1)), down = std::floor(x);
        first = int64_t(down), second = std::min(first + 1, n - 1), share = x - down;
    }
};

// row makes row i of the three channels of one image; they lie area apart.
template <class T>
void row(const Sight &k, const uint8_t *image, const float *draw, const float *mean, int64_t i, T *y) {
    const int64_t area = k.side * k.side, plane = k.h * k.w;
    for (int64_t j = 0; j < k.side; j++) {
        const Between h(place(draw, i, j), k.h), w(place(draw + 3, i, j), k.w);
        const bool inside = h.inside && w.inside;
        const int64_t at[4] = {h.first * k.w + w.first, h.first * k.w + w.second, h.second * k.w + w.first,
                               h.second * k.w + w.second};
        for (int64_t c = 0; c < channels; c++) {
            float level[4];
            for (int q = 0; q < 4; q++) {
                const float m = k.whole ? mean[c * plane + at[q]] : mean[c];
                level[q] = draw[6] * float(image[channels * at[q] + c]) - m;
            }
            const float upper = level[0] + w.share * (level[1] - level[0]),
                        lower = level[2] + w.share * (level[3] - level[2]);
            const float v = k.scale[c] * draw[7] * (upper + h.share * (lower - upper) + draw[8 + c]);
            store(y + c * area + j, inside ? v : 0.f);
        }
    }
}

} // namespace

// Inputs images, draws, mean; output y.
void warp(Kernel &k, const duet_device &d, int64_t side, const float *scale, const Layout &images, const Layout &drawn,
          const Layout &mean) {
    const Dims n = images.dims(), m = mean.dims();
    const Sight sight{n[1], n[2], side, m[1] > 1 || m[2] > 1, {scale[0], scale[1], scale[2]}};
    const Operand to = k.output(Layout(plain(compute(d), {n[0], channels, side, side})));
    const Operand centre = k.converted(2, mean, plain(Type::f32, m)),
                  numbers = k.converted(1, drawn, plain(Type::f32, drawn.dims()));
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({k.input(0, images), numbers, centre, to}, [=, batch = n[0]](Pointers p) {
            parallel_rows(batch * side, [&](int64_t number) {
                const int64_t i = number % side, image = number / side;
                row(sight, (const uint8_t *)p[0] + image * sight.h * sight.w * channels,
                    (const float *)p[1] + image * draws, (const float *)p[2], i,
                    (T *)p[3] + (image * channels * side + i) * side);
            });
        });
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_warp(duet_device d, int64_t crop, const float scale[3], const duet_layout *in[3], char **error) {
    return prepared(d, error, [&](Kernel &k) { warp(k, d, crop, scale, *in[0], *in[1], *in[2]); });
}
