// avg_pool.cu: average pooling with overlapping windows, and its gradient; formulas in engine/op/avg_pool.go.
// Layout   x, dx: [N*C, H, W]; y, dy: [N*C, OH, OW]
// Launch   a thread for each output, or in the gradient for each input: places of a map along x, in blocks that fill it
//          well; maps along y, striding
// Moves    forward reads x (windows overlap in the cache) and writes y; backward reads dy and writes dx, once: it
//          gathers, so that nothing need be zero before and no sum depends on the order of threads. pool1 of AlexNet at
//          batch 128 in f32, were it one: 149 MB on the large side and 36 MB on the small one; 0.06 ms at an H100's
//          3.35 TB/s either way
// Twin     engine/backend/reference/avg_pool.go
#include "max_pool.h"

// cells is how many places of window i count, along an axis of extent n; padded says that the padding's do.
DEVICE int cells(const Pooling &p, int i, int n, int padded) {
    const int first = i * p.stride - p.pad, end = first + p.kernel;
    return padded ? min(end, n + p.pad) - first : min(end, n) - max(first, 0);
}

template <class T> DEVICE void pool(T *y, const T *x, const Maps m, const Pooling p, int padded) {
    const int area = m.out_height * m.out_width, place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= area) return;
    const int i = place / m.out_width, j = place % m.out_width;
    const int top = i * p.stride - p.pad, left = j * p.stride - p.pad;
    const int bottom = min(top + p.kernel, m.height), right = min(left + p.kernel, m.width);
    const float divisor = (float)(cells(p, i, m.height, padded) * cells(p, j, m.width, padded));
    for (int map = blockIdx.y; map < m.count; map += gridDim.y) {
        const T *plane = x + (int64_t)map * m.height * m.width;
        float sum = 0.f;
        for (int h = max(0, top); h < bottom; h++) {
            for (int w = max(0, left); w < right; w++) sum += load(plane + h * m.width + w);
        }
        store(y + (int64_t)map * area + place, sum / divisor);
    }
}

template <class T> DEVICE void pool_gradient(T *dx, const T *dy, const Maps m, const Pooling p, int padded) {
    const int area = m.height * m.width, place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= area) return;
    const int h = place / m.width + p.pad, w = place % m.width + p.pad;
    // The windows that hold the place: i*stride <= h < i*stride + kernel.
    const int top = h < p.kernel ? 0 : (h - p.kernel) / p.stride + 1,
              left = w < p.kernel ? 0 : (w - p.kernel) / p.stride + 1;
    const int bottom = min(h / p.stride, m.out_height - 1), right = min(w / p.stride, m.out_width - 1);
    for (int map = blockIdx.y; map < m.count; map += gridDim.y) {
        const T *from = dy + (int64_t)map * m.out_height * m.out_width;
        float sum = 0.f;
        for (int i = top; i <= bottom; i++) {
            float row = 0.f;
#pragma unroll 1 // more at a time want more registers than there are
            for (int j = left; j <= right; j++) {
                row += load(from + i * m.out_width + j) / (float)cells(p, j, m.width, padded);
            }
            sum += row / (float)cells(p, i, m.height, padded);
        }
        store(dx + (int64_t)map * area + place, sum);
    }
}

#define POOL_KERNELS(T, name)                                                                                          \
    KERNEL(256)                                                                                                        \
    avg_pool_forward_##name(T *y, const T *x, int maps, int height, int width, int out_height, int out_width,          \
                            int kernel, int stride, int pad, int padded) {                                             \
        const Maps m = {maps, height, width, out_height, out_width};                                                   \
        const Pooling p = {kernel, stride, pad};                                                                       \
        pool(y, x, m, p, padded);                                                                                      \
    }                                                                                                                  \
    KERNEL(256)                                                                                                        \
    avg_pool_backward_##name(T *dx, const T *dy, int maps, int height, int width, int out_height, int out_width,       \
                             int kernel, int stride, int pad, int padded) {                                            \
        const Maps m = {maps, height, width, out_height, out_width};                                                   \
        const Pooling p = {kernel, stride, pad};                                                                       \
        pool_gradient(dx, dy, m, p, padded);                                                                           \
    }

POOL_KERNELS(float, f32)
POOL_KERNELS(bf16, bf16)
