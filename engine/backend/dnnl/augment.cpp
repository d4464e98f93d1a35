//go:build dnnl

// augment.cpp: stored pixels to the network's input; formula in engine/op/augment.go.
#include "guard.hpp"
#include "loops.hpp"

#include <vector>

namespace duet {

namespace {

constexpr int64_t channels = 3, draws = 6; // of an image: top, left, mirror, three shifts

struct Crop {
    int64_t h, w, side; // of the stored image, and of the crop
    bool whole;         // the mean is an image, not one value a channel
    float scale[channels];
};

// pixels is y[w] = scale * (image[w] - mean[w] + shift) for n pixels of one channel, in the order stored.
template <class T>
INLINE void pixels(const uint8_t *image, const float *mean, float shift, float scale, T *y, int64_t n) {
    for (int64_t w = 0; w < n; w++) store(y + w, scale * (float(image[channels * w]) - mean[w] + shift));
}

template <class T>
INLINE void pixels_one_mean(const uint8_t *image, float mean, float shift, float scale, T *y, int64_t n) {
    for (int64_t w = 0; w < n; w++) store(y + w, scale * (float(image[channels * w]) - mean + shift));
}

// crop_row makes row i of channel c of one image.
template <class T>
INLINE void crop_row(const Crop &k, const uint8_t *image, const float *draw, const float *mean, int64_t c, int64_t i,
                     T *y) {
    const int64_t h = int64_t(draw[0]) + i, left = int64_t(draw[1]);
    const int64_t begin = std::clamp<int64_t>(-left, 0, k.side), end = std::clamp<int64_t>(k.w - left, begin, k.side);
    std::fill(y, y + k.side, T{});
    if (h < 0 || h >= k.h || begin == end) return;
    const uint8_t *from = image + (h * k.w + left + begin) * channels + c;
    if (k.whole)
        pixels(from, mean + (c * k.h + h) * k.w + left + begin, draw[3 + c], k.scale[c], y + begin, end - begin);
    else pixels_one_mean(from, mean[c], draw[3 + c], k.scale[c], y + begin, end - begin);
    if (draw[2] != 0) std::reverse(y, y + k.side);
}

} // namespace

// Inputs images, draws, mean; output y.
void augment(Kernel &k, const duet_device &d, int64_t side, const float *scale, const Layout &images,
             const Layout &drawn, const Layout &mean) {
    const Dims n = images.dims(), m = mean.dims();
    const Crop crop{n[1], n[2], side, m[1] > 1 || m[2] > 1, {scale[0], scale[1], scale[2]}};
    const Operand to = k.output(Layout(plain(compute(d), {n[0], channels, side, side})));
    const Operand centre = k.converted(2, mean, plain(Type::f32, m)),
                  numbers = k.converted(1, drawn, plain(Type::f32, drawn.dims()));
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({k.input(0, images), numbers, centre, to}, [=, batch = n[0]](Pointers p) {
            parallel_rows(batch * channels * side, [&](int64_t row) {
                const int64_t i = row % side, c = row / side % channels, image = row / side / channels;
                crop_row(crop, (const uint8_t *)p[0] + image * crop.h * crop.w * channels,
                         (const float *)p[1] + image * draws, (const float *)p[2], c, i, (T *)p[3] + row * side);
            });
        });
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_augment(duet_device d, int64_t crop, const float scale[3], const duet_layout *in[3], char **error) {
    return prepared(d, error, [&](Kernel &k) { augment(k, d, crop, scale, *in[0], *in[1], *in[2]); });
}
