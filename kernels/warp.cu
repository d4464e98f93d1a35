// warp.cu: a window of stored pixels, of any size, shape and turn, to the network's input; formula in
// engine/op/warp.go.
// Layout   images: uint8 [batch, H, W, 3]; draws: [batch, 11]; mean: [3, H, W], or [3] where one value a channel; y:
//          [batch, crop, crop, 3]
// Launch   block (64, 4) over columns and rows of the crop, images along z; a thread makes the three channels of a
//          pixel, whose place is the same
// Moves    12 bytes in, mostly from the cache: neighbours share them; 48 of the mean where it is an image (from the
//          cache: the batch shares it) and 12 (f32) or 6 (bf16) out a pixel: batch 128 of 224 x 224 from 256 x 256 is
//          102 MB in f32, 0.03 ms at an H100's 3.35 TB/s
// Twin     engine/backend/reference/warp.go
#include "device.h"

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

template <class T>
DEVICE void warp(T *y, const uint8_t *images, const float *draws, const float *mean, int batch, int height, int width,
                 int crop, int whole_mean, const float (&scale)[3]) {
    const int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= crop || j >= crop) return;
    const int64_t area = (int64_t)crop * crop, plane = (int64_t)height * width;
    for (int n = blockIdx.z; n < batch; n += gridDim.z) {
        const float *draw = draws + warp_width * n;
        const Between h = between(warp_place(draw, i, j), height), w = between(warp_place(draw + 3, i, j), width);
        T *to = y + 3 * (n * area + (int64_t)i * crop + j);
        if (!h.inside || !w.inside) {
            for (int c = 0; c < 3; c++) store(to + c, 0.f);
            continue;
        }
        const int64_t at[4] = {(int64_t)h.first * width + w.first, (int64_t)h.first * width + w.second,
                               (int64_t)h.second * width + w.first, (int64_t)h.second * width + w.second};
        const uint8_t *image = images + 3 * n * plane;
#pragma unroll
        for (int c = 0; c < 3; c++) {
            float level[4];
#pragma unroll
            for (int q = 0; q < 4; q++)
                level[q] = draw[6] * (float)image[3 * at[q] + c] - (whole_mean ? mean[c * plane + at[q]] : mean[c]);
            const float upper = level[0] + w.share * (level[1] - level[0]);
            const float lower = level[2] + w.share * (level[3] - level[2]);
            store(to + c, scale[c] * draw[7] * (upper + h.share * (lower - upper) + draw[8 + c]));
        }
    }
}

KERNEL(256)
warp_forward_f32(float *y, const uint8_t *images, const float *draws, const float *mean, int batch, int height,
                 int width, int crop, int whole_mean, float red, float green, float blue) {
    const float scale[3] = {red, green, blue};
    warp(y, images, draws, mean, batch, height, width, crop, whole_mean, scale);
}
KERNEL(256)
warp_forward_bf16(bf16 *y, const uint8_t *images, const float *draws, const float *mean, int batch, int height,
                  int width, int crop, int whole_mean, float red, float green, float blue) {
    const float scale[3] = {red, green, blue};
    warp(y, images, draws, mean, batch, height, width, crop, whole_mean, scale);
}
