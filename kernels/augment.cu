// augment.cu: stored pixels to the network's input; formula in engine/op/augment.go.
// Layout   images: uint8 [batch, H, W, 3]; draws: [batch, 6]; mean: [3, H, W], or [3] where one value a channel; y:
//          [batch, crop, crop, 3]
// Launch   block (64, 4) over columns and rows of the crop, images along z; a thread makes the three channels of a
//          pixel, so that each stored byte is read once
// Moves    3 bytes in, 12 of the mean (from the cache: the batch shares it) and 12 (f32) or 6 (bf16) out a pixel: batch
//          128 of 227 x 227 is 99 MB in f32, 0.03 ms at an H100's 3.35 TB/s
// Twin     engine/backend/reference/augment.go
#include "device.h"

enum { draw_width = 6 }; // of an image, in draws
AGREED(augment_draws, draw_width)

template <class T>
DEVICE void augment(T *y, const uint8_t *images, const float *draws, const float *mean, int batch, int height,
                    int width, int crop, int whole_mean, const float (&scale)[3]) {
    const int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= crop || j >= crop) return;
    const int64_t area = (int64_t)crop * crop, plane = (int64_t)height * width;
    for (int n = blockIdx.z; n < batch; n += gridDim.z) {
        const float *draw = draws + draw_width * n;
        const int h = (int)draw[0] + i, w = (int)draw[1] + (draw[2] != 0.f ? crop - 1 - j : j);
        T *to = y + 3 * (n * area + (int64_t)i * crop + j);
        if (h < 0 || h >= height || w < 0 || w >= width) {
            for (int c = 0; c < 3; c++) store(to + c, 0.f);
            continue;
        }
        const int64_t at = (int64_t)h * width + w;
        const uint8_t *pixel = images + 3 * (n * plane + at);
#pragma unroll
        for (int c = 0; c < 3; c++) {
            const float m = whole_mean ? mean[c * plane + at] : mean[c];
            store(to + c, scale[c] * ((float)pixel[c] - m + draw[3 + c]));
        }
    }
}

KERNEL(256)
augment_forward_f32(float *y, const uint8_t *images, const float *draws, const float *mean, int batch, int height,
                    int width, int crop, int whole_mean, float red, float green, float blue) {
    const float scale[3] = {red, green, blue};
    augment(y, images, draws, mean, batch, height, width, crop, whole_mean, scale);
}
KERNEL(256)
augment_forward_bf16(bf16 *y, const uint8_t *images, const float *draws, const float *mean, int batch, int height,
                     int width, int crop, int whole_mean, float red, float green, float blue) {
    const float scale[3] = {red, green, blue};
    augment(y, images, draws, mean, batch, height, width, crop, whole_mean, scale);
}
