// warp.cu: a window of stored pixels, of any size, shape and turn, to the network's input; formula in
// engine/op/warp.go. Layout and launch: sight.h; draws: [batch, 11].
// Moves    12 bytes in, mostly from the cache: neighbours share them; 48 of the mean where it is an image (from the
//          cache: the batch shares it) and 12 (f32) or 6 (bf16) out a pixel: batch 128 of 224 x 224 from 256 x 256 is
//          102 MB in f32, 0.03 ms at an H100's 3.35 TB/s
// Twin     engine/backend/reference/warp.go
#include "sight.h"

enum { warp_width = 11 }; // of an image, in draws
AGREED(warp_draws, warp_width)

struct Between {
    int first, second;
    float share;
    bool inside;
};

DEVICE float warp_place(const float *draw, int i, int j) {
    return fmaf(draw[1], (float)i, fmaf(draw[2], (float)j, draw[0]));
}

DEVICE Between between(float at, int n) {
    Between b = {0, 0, 0.f, at >= -0.5f && at < (float)n - 0.5f};
    if (!b.inside) return b;
    const float x = fminf(fmaxf(at, 0.f), (float)(n - 1)), down = floorf(x);
    b.first = (int)down;
    b.second = b.first + 1 < n ? b.first + 1 : n - 1;
    b.share = x - down;
    return b;
}

struct Window {
    const Sight &p;
    const uint8_t *image;
    const float *draw, *mean;
    Between h, w;
    bool inside;

    DEVICE_MEMBER Window(const uint8_t *images, const float *draws, const float *mean, const Sight &p, int n)
        : p(p), image(images + (int64_t)n * p.height * p.width * 3), draw(draws + warp_width * n), mean(mean) {}
    DEVICE_MEMBER void go(int i, int j) {
        h = between(warp_place(draw, i, j), p.height), w = between(warp_place(draw + 3, i, j), p.width);
        inside = (unsigned)i < (unsigned)p.crop && (unsigned)j < (unsigned)p.crop && h.inside && w.inside;
    }
    DEVICE_MEMBER float level(int row, int column, int c) const {
        const int64_t at = (int64_t)row * p.width + column;
        const float m = p.whole_mean ? mean[(int64_t)c * p.height * p.width + at] : mean[c];
        return draw[6] * (float)image[3 * at + c] - m;
    }
    DEVICE_MEMBER float channel(int c) const {
        if (!inside) return 0.f;
        const float a = level(h.first, w.first, c), b = level(h.first, w.second, c), d = level(h.second, w.first, c),
                    e = level(h.second, w.second, c);
        const float upper = a + w.share * (b - a), lower = d + w.share * (e - d);
        return scale_of(p, c) * draw[7] * (upper + h.share * (lower - upper) + draw[8 + c]);
    }
};

SIGHT(warp, Window)
