// max_pool.cu: max pooling with overlapping windows, and its gradient; formulas in engine/op/max_pool.go.
// Layout   x, dx: [N*C, H, W]; y, dy, argmax (uint8): [N*C, OH, OW]; argmax may be null
// Launch   block 256 along a map's outputs (forward) or inputs (backward), maps along y, striding
// Moves    forward reads x (windows overlap in the cache) and writes y and argmax; backward reads dy and argmax and writes dx,
//          once: it gathers, so that nothing need be zero before and no sum depends on the order of threads. pool1 of
//          AlexNet at batch 128 in f32: 149 MB in, 45 MB out; 0.06 ms at an H100's 3.35 TB/s, backward the same
// Twin     engine/backend/reference/max_pool.go
#include "device.h"

// Pooling is a window; a kernel's template fixes it where kernel is not 0.
struct Pooling {
    int kernel, stride, pad;
};

template <class T>
DEVICE void pool(T *y, uint8_t *argmax, const T *x, int maps, int height, int width, int out_height, int out_width, const Pooling p) {
    const int area = out_height * out_width, place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= area) return;
    const int top = place / out_width * p.stride - p.pad, left = place % out_width * p.stride - p.pad;
    for (int map = blockIdx.y; map < maps; map += gridDim.y) {
        const T *plane = x + (int64_t)map * height * width;
        float best = 0.f;
        int at = -1;
        for (int u = 0; u < p.kernel; u++) {
            const int h = top + u;
            if (h < 0 || h >= height) continue;
            for (int v = 0; v < p.kernel; v++) {
                const int w = left + v;
                if (w < 0 || w >= width) continue;
                const float value = load(plane + h * width + w);
                if (at < 0 || value > best || (value != value && best == best)) { // the first maximum, or the first NaN
                    best = value;
                    at = u * p.kernel + v;
                }
            }
        }
        const int64_t to = (int64_t)map * area + place;
        store(y + to, best);
        if (argmax) argmax[to] = (uint8_t)at;
    }
}

template <class T>
DEVICE void pool_gradient(T *dx, const uint8_t *argmax, const T *dy, int maps, int height, int width, int out_height, int out_width,
                          const Pooling p) {
    const int area = height * width, place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= area) return;
    const int h = place / width + p.pad, w = place % width + p.pad;
    // The windows that hold the place: i*stride <= h < i*stride + kernel.
    const int top = h < p.kernel ? 0 : (h - p.kernel) / p.stride + 1, left = w < p.kernel ? 0 : (w - p.kernel) / p.stride + 1;
    const int bottom = min(h / p.stride, out_height - 1), right = min(w / p.stride, out_width - 1);
    for (int map = blockIdx.y; map < maps; map += gridDim.y) {
        const int64_t from = (int64_t)map * out_height * out_width;
        float sum = 0.f;
        for (int i = top; i <= bottom; i++) {
            for (int j = left; j <= right; j++) {
                const int64_t at = from + i * out_width + j;
                if (argmax[at] == (h - i * p.stride) * p.kernel + (w - j * p.stride)) sum += load(dy + at);
            }
        }
        store(dx + (int64_t)map * area + place, sum);
    }
}

// The window of the paper, 3 of stride 2 without padding, is known to the compiler.
#define POOL_KERNELS(T, name)                                                                                          \
    KERNEL(256) max_pool_forward_##name(T *y, uint8_t *argmax, const T *x, int maps, int height, int width,             \
                                        int out_height, int out_width, int kernel, int stride, int pad) {              \
        const Pooling p = {kernel, stride, pad}, paper = {3, 2, 0};                                                    \
        if (kernel == 3 && stride == 2 && pad == 0)                                                                    \
            pool(y, argmax, x, maps, height, width, out_height, out_width, paper);                                     \
        else                                                                                                           \
            pool(y, argmax, x, maps, height, width, out_height, out_width, p);                                         \
    }                                                                                                                  \
    KERNEL(256) max_pool_backward_##name(T *dx, const uint8_t *argmax, const T *dy, int maps, int height, int width,    \
                                         int out_height, int out_width, int kernel, int stride, int pad) {             \
        const Pooling p = {kernel, stride, pad}, paper = {3, 2, 0};                                                    \
        if (kernel == 3 && stride == 2 && pad == 0)                                                                    \
            pool_gradient(dx, argmax, dy, maps, height, width, out_height, out_width, paper);                          \
        else                                                                                                           \
            pool_gradient(dx, argmax, dy, maps, height, width, out_height, out_width, p);                              \
    }

POOL_KERNELS(float, f32)
POOL_KERNELS(bf16, bf16)
