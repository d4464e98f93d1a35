// augment.cu: stored pixels to the network's input; formula in engine/op/augment.go. Layout and launch: sight.h; draws:
// [batch, 6].
// Moves    3 bytes in, 12 of the mean (from the cache: the batch shares it) and 12 (f32) or 6 (bf16) out a pixel: batch
//          128 of 227 x 227 is 99 MB in f32, 0.03 ms at an H100's 3.35 TB/s
// Twin     engine/backend/reference/augment.go
#include "sight.h"

enum { draw_width = 6 }; // of an image, in draws
AGREED(augment_draws, draw_width)

struct Crop {
    const Sight &p;
    const uint8_t *image;
    const float *draw, *mean;
    int64_t at;
    bool inside;

    DEVICE_MEMBER Crop(const uint8_t *images, const float *draws, const float *mean, const Sight &p, int n)
        : p(p), image(images + (int64_t)n * p.height * p.width * 3), draw(draws + draw_width * n), mean(mean) {}
    DEVICE_MEMBER void go(int i, int j) {
        const int h = (int)draw[0] + i, w = (int)draw[1] + (draw[2] != 0.f ? p.crop - 1 - j : j);
        inside = (unsigned)i < (unsigned)p.crop && (unsigned)j < (unsigned)p.crop && (unsigned)h < (unsigned)p.height &&
                 (unsigned)w < (unsigned)p.width;
        at = (int64_t)h * p.width + w;
    }
    DEVICE_MEMBER float channel(int c) const {
        if (!inside) return 0.f;
        const float m = p.whole_mean ? mean[(int64_t)c * p.height * p.width + at] : mean[c];
        return scale_of(p, c) * ((float)image[3 * at + c] - m + draw[3 + c]);
    }
};

SIGHT(augment, Crop)
