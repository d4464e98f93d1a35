// avg_pool.cu: average pooling with overlapping windows, and its gradient; formulas in engine/op/avg_pool.go.
// Layout   x, dx: [N,H,W,C]; y, dy: [N,OH,OW,C]
// Launch   a thread has 16 bytes of a place's channels, or, by the kernels called scalar, one channel: of an output, or
//          in the gradient of an input. An image's threads along x, images along y, striding
// Moves    forward reads x (windows overlap in the cache) and writes y; backward reads dy and writes dx, once: it
//          gathers, so that nothing need be zero before and no sum depends on the order of threads. pool1 of AlexNet at
//          batch 128 in f32, were it one: 149 MB on the large side and 36 MB on the small one; 0.06 ms at an H100's
//          3.35 TB/s either way
// Twin     engine/backend/reference/avg_pool.go
#include "max_pool.h"

// cells is how many places of window i count, along an axis of extent n.
DEVICE int cells(const Pool &p, int i, int n) {
    const int first = i * p.stride - p.pad, end = first + p.kernel;
    return p.padded ? min(end, n + p.pad) - first : min(end, n) - max(first, 0);
}

// share is 1 / cells, within two units in the last place: the exact division has a call in it, for which sums would lie
// in local memory.
DEVICE float share(int cells) { return __fdividef(1.f, (float)cells); }

template <int lanes, class T> DEVICE void pool(T *RESTRICT y, const T *RESTRICT x, const Pool &p) {
    const Site s = site_of(p, lanes);
    if (s.row >= p.out_height) return;
    const int top = s.row * p.stride - p.pad, left = s.column * p.stride - p.pad;
    const int bottom = min(top + p.kernel, p.height), right = min(left + p.kernel, p.width);
    const float part = share(cells(p, s.row, p.height) * cells(p, s.column, p.width));
    for (int image = blockIdx.y; image < p.images; image += gridDim.y) {
        const T *map = x + in_image(p, image) + s.channel;
        float sum[lanes] = {};
        for (int h = max(0, top); h < bottom; h++) {
#pragma unroll 2
            for (int w = max(0, left); w < right; w++) {
                float value[lanes];
                get<lanes>(value, map + (h * p.width + w) * p.channels);
#pragma unroll
                for (int k = 0; k < lanes; k++) sum[k] += value[k];
            }
        }
#pragma unroll
        for (int k = 0; k < lanes; k++) sum[k] *= part;
        put<lanes>(y + out_image(p, image) + (s.row * p.out_width + s.column) * p.channels + s.channel, sum);
    }
}

template <int lanes, class T> DEVICE void pool_gradient(T *RESTRICT dx, const T *RESTRICT dy, const Pool &p) {
    const Site s = site_of(p, lanes);
    if (s.row >= p.height) return;
    const Span rows = windows_of(p, s.row + p.pad, p.out_height),
               columns = windows_of(p, s.column + p.pad, p.out_width);
    for (int image = blockIdx.y; image < p.images; image += gridDim.y) {
        const T *from = dy + out_image(p, image) + s.channel;
        float sum[lanes] = {};
        for (int i = rows.first; i <= rows.last; i++) {
            const int high = cells(p, i, p.height);
#pragma unroll 1
            for (int j = columns.first; j <= columns.last; j++) {
                float gradient[lanes];
                get<lanes>(gradient, from + (i * p.out_width + j) * p.channels);
                const float part = share(high * cells(p, j, p.width));
#pragma unroll
                for (int k = 0; k < lanes; k++) sum[k] += gradient[k] * part;
            }
        }
        put<lanes>(dx + in_image(p, image) + (s.row * p.width + s.column) * p.channels + s.channel, sum);
    }
}

#define POOL_KERNELS(T, name, lanes)                                                                                   \
    KERNEL_ONCE(256) avg_pool_forward_##name(T *y, const T *x, Pool p) { pool<lanes>(y, x, p); }                       \
    KERNEL_ONCE(256) avg_pool_backward_##name(T *dx, const T *dy, Pool p) { pool_gradient<lanes>(dx, dy, p); }

POOL_KERNELS(float, f32, Whole<float>::lanes)
POOL_KERNELS(float, scalar_f32, 1)
POOL_KERNELS(bf16, bf16, Whole<bf16>::lanes)
POOL_KERNELS(bf16, scalar_bf16, 1)
