// max_pool.cu: max pooling with overlapping windows, and its gradient; formulas in engine/op/max_pool.go.
// Layout   x, dx: [N,H,W,C]; y, dy, argmax (uint8): [N,OH,OW,C]; argmax may be null; y and dy may be [N,C,OH,OW].
//          mask: as x, what a rectifier gave before the pooling, whose gradient is then part of dx; or null
// Launch   a thread has 16 bytes of a place's channels, or, by the kernels called scalar, one channel: of an output, or
//          in the gradient of an input, or, of the paper's pooling, of a square of 2x2 inputs, which share their
//          windows. An image's threads along x, images along y, striding
// Moves    forward reads x (windows overlap in the cache) and writes y and argmax; backward reads dy and argmax and
//          writes dx, once: it gathers, so that nothing need be zero before and no sum depends on the order of threads.
//          pool5 of AlexNet at batch 128 in bf16: 11 MB on the large side and 4 MB on the small one; 5 us at an H100's
//          3.35 TB/s either way
// Twin     engine/backend/reference/max_pool.go
#include "max_pool.h"

// find looks through any window.
template <int lanes, class T> DEVICE Best<lanes> find(const T *map, const Pool &p, int top, int left) {
    Best<lanes> best;
    bool begun = false;
    for (int u = max(0, -top); u < min(p.kernel, p.height - top); u++) {
        for (int v = max(0, -left); v < min(p.kernel, p.width - left); v++) {
            float value[lanes];
            get<lanes>(value, map + ((top + u) * p.width + left + v) * p.channels);
            if (begun) best.take(value, u * p.kernel + v);
            else best.begin(value, u * p.kernel + v);
            begun = true;
        }
    }
    return best;
}

// find_known is the same for a window wholly inside of the map, of an extent that the compiler knows: all loads come
// first.
template <int kernel, int lanes, class T> DEVICE Best<lanes> find_known(const T *corner, const Pool &p) {
    Lanes<T, lanes> window[kernel * kernel];
#pragma unroll
    for (int i = 0; i < kernel * kernel; i++) window[i].read(corner + (i / kernel * p.width + i % kernel) * p.channels);
    Best<lanes> best;
#pragma unroll
    for (int i = 0; i < kernel * kernel; i++) {
        float value[lanes];
#pragma unroll
        for (int k = 0; k < lanes; k++) value[k] = window[i].value(k);
        if (i == 0) best.begin(value, i);
        else best.take(value, i);
    }
    return best;
}

template <int lanes, class T>
DEVICE void pool(T *RESTRICT y, uint8_t *RESTRICT argmax, const T *RESTRICT x, const Pool &p) {
    const Site s = site_of(p, lanes);
    if (s.row >= p.out_height) return;
    const int top = s.row * p.stride - p.pad, left = s.column * p.stride - p.pad;
    const bool inside = top >= 0 && left >= 0 && top + p.kernel <= p.height && left + p.kernel <= p.width;
    for (int image = blockIdx.y; image < p.images; image += gridDim.y) {
        const T *map = x + in_image(p, image) + s.channel;
        const Best<lanes> best = inside && p.kernel == 3
                                     ? find_known<3, lanes>(map + (top * p.width + left) * p.channels, p)
                                     : find<lanes>(map, p, top, left);
        const int place = s.row * p.out_width + s.column;
        const int64_t to = out_image(p, image) + place * p.channels + s.channel;
        if (p.flat) {
            T *flat = y + out_image(p, image) + s.channel * p.out_height * p.out_width + place;
#pragma unroll
            for (int i = 0; i < lanes; i++) store(flat + i * p.out_height * p.out_width, best.value[i]);
            best.write_places(argmax ? argmax + to : argmax);
        } else best.write(y + to, argmax ? argmax + to : argmax);
    }
}

// read_window reads the gradient of an image's window at a place, if it is there.
template <int lanes, class T>
DEVICE void read_window(Window<T, lanes> &window, const T *dy, const uint8_t *argmax, const Pool &p, int channel,
                        int place, bool there) {
    if (p.flat) window.read_flat(dy, argmax, p, channel, place, there);
    else window.read(dy, argmax, place * p.channels + channel, there);
}

// put_rectified writes a gradient, 0 where the mask, if there is one, is not above 0.
template <int lanes, class T> DEVICE void put_rectified(T *dx, float *gradient, const T *mask, int64_t at) {
    if (mask) {
        float y[lanes];
        get<lanes>(y, mask + at);
#pragma unroll
        for (int i = 0; i < lanes; i++) gradient[i] = y[i] > 0.f ? gradient[i] : 0.f;
    }
    put<lanes>(dx + at, gradient);
}

template <int lanes, class T>
DEVICE void pool_gradient(T *RESTRICT dx, const uint8_t *RESTRICT argmax, const T *RESTRICT dy, const T *RESTRICT mask,
                          const Pool &p) {
    const Site s = site_of(p, lanes);
    if (s.row >= p.height) return;
    const int h = s.row + p.pad, w = s.column + p.pad;
    const Span rows = windows_of(p, h, p.out_height), columns = windows_of(p, w, p.out_width);
    for (int image = blockIdx.y; image < p.images; image += gridDim.y) {
        const int64_t from = out_image(p, image);
        float sum[lanes] = {};
        for (int i = rows.first; i <= rows.last; i++) {
            for (int j = columns.first; j <= columns.last; j++) {
                Window<T, lanes> window;
                read_window(window, dy + from, argmax + from, p, s.channel, i * p.out_width + j, true);
                window.gather(sum, (h - i * p.stride) * p.kernel + (w - j * p.stride));
            }
        }
        const int64_t to = in_image(p, image) + (s.row * p.width + s.column) * p.channels + s.channel;
        put_rectified<lanes>(dx, sum, mask, to);
    }
}

// paper_gradient is pool_gradient for windows of 3 of stride 2 without padding. The square of inputs (2i, 2j) to (2i+1,
// 2j+1) lies in the windows (i-1, j-1) to (i, j), whose places are 0 1 2 / 3 4 5 / 6 7 8.
template <int lanes, class T>
DEVICE void paper_gradient(T *RESTRICT dx, const uint8_t *RESTRICT argmax, const T *RESTRICT dy, const T *RESTRICT mask,
                           const Pool &p) {
    const Site s = site_of(p, lanes);
    const int i = s.row, j = s.column;
    if (2 * i >= p.height) return;
    for (int image = blockIdx.y; image < p.images; image += gridDim.y) {
        const int64_t from = out_image(p, image);
        Window<T, lanes> window[2][2]; // [0][0] is (i, j), [1][1] the one above and before
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int row = i - k / 2, column = j - k % 2;
            const bool there = row >= 0 && row < p.out_height && column >= 0 && column < p.out_width;
            read_window(window[k / 2][k % 2], dy + from, argmax + from, p, s.channel, row * p.out_width + column,
                        there);
        }
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int u = k / 2, v = k % 2; // of the square
            if (2 * i + u >= p.height || 2 * j + v >= p.width) continue;
            float sum[lanes] = {};
#pragma unroll
            for (int a = 1 - u; a >= 0; a--) {
#pragma unroll
                for (int b = 1 - v; b >= 0; b--) window[a][b].gather(sum, (2 * a + u) * 3 + 2 * b + v);
            }
            const int64_t to = in_image(p, image) + ((2 * i + u) * p.width + 2 * j + v) * p.channels + s.channel;
            put_rectified<lanes>(dx, sum, mask, to);
        }
    }
}

#define POOL_KERNELS(T, name, lanes)                                                                                   \
    KERNEL_ONCE(256) max_pool_forward_##name(T *y, uint8_t *argmax, const T *x, Pool p) {                              \
        pool<lanes>(y, argmax, x, p);                                                                                  \
    }                                                                                                                  \
    KERNEL_ONCE(256)                                                                                                   \
    max_pool_backward_##name(T *dx, const uint8_t *argmax, const T *dy, const T *mask, Pool p) {                       \
        pool_gradient<lanes>(dx, argmax, dy, mask, p);                                                                 \
    }                                                                                                                  \
    KERNEL_ONCE(256)                                                                                                   \
    max_pool_backward_squares_##name(T *dx, const uint8_t *argmax, const T *dy, const T *mask, Pool p) {               \
        paper_gradient<lanes>(dx, argmax, dy, mask, p);                                                                \
    }

POOL_KERNELS(float, f32, Whole<float>::lanes)
POOL_KERNELS(float, scalar_f32, 1)
POOL_KERNELS(bf16, bf16, Whole<bf16>::lanes)
POOL_KERNELS(bf16, scalar_bf16, 1)
