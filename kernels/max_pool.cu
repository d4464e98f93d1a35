// max_pool.cu: max pooling with overlapping windows, and its gradient; formulas in engine/op/max_pool.go.
// Layout   x, dx: [N*C, H, W]; y, dy, argmax (uint8): [N*C, OH, OW]; argmax may be null
// Launch   forward: a thread for each output. backward: a thread for each input, or, of the paper's pooling, for a
//          square of 2x2 inputs, which share their windows. Places of a map along x, in blocks that fill it well; maps
//          along y, striding
// Moves    forward reads x (windows overlap in the cache) and writes y and argmax; backward reads dy and argmax and
//          writes dx, once: it gathers, so that nothing need be zero before and no sum depends on the order of threads.
//          About 80 instructions an output, and 100 a square. pool1 of AlexNet at batch 128 in f32: 149 MB on the large
//          side and 45 MB on the small one; 0.06 ms at an H100's 3.35 TB/s either way
// Twin     engine/backend/reference/max_pool.go
#include "max_pool.h"

// find looks through any window.
template <class T> DEVICE Best find(const T *plane, const Maps &m, int top, int left, int kernel) {
    Best best = {0.f, -1};
    for (int u = max(0, -top); u < min(kernel, m.height - top); u++) {
        for (int v = max(0, -left); v < min(kernel, m.width - left); v++) {
            const float value = load(plane + (top + u) * m.width + left + v);
            if (best.at < 0) best = Best{value, u * kernel + v};
            else take(&best, value, u * kernel + v);
        }
    }
    return best;
}

// find_known is the same for a window wholly inside of the map, of an extent that the compiler knows: all loads come
// first.
template <int kernel, class T> DEVICE Best find_known(const T *corner, int width) {
    float window[kernel * kernel];
#pragma unroll
    for (int i = 0; i < kernel * kernel; i++) window[i] = load(corner + i / kernel * width + i % kernel);
    Best best = {window[0], 0};
#pragma unroll
    for (int i = 1; i < kernel * kernel; i++) take(&best, window[i], i);
    return best;
}

template <class T> DEVICE void pool(T *y, uint8_t *argmax, const T *x, const Maps m, const Pooling p) {
    const int area = m.out_height * m.out_width, place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= area) return;
    const int top = place / m.out_width * p.stride - p.pad, left = place % m.out_width * p.stride - p.pad;
    const bool inside = top >= 0 && left >= 0 && top + p.kernel <= m.height && left + p.kernel <= m.width;
    for (int map = blockIdx.y; map < m.count; map += gridDim.y) {
        const T *plane = x + (int64_t)map * m.height * m.width;
        const Best best = inside && p.kernel == 3 ? find_known<3>(plane + top * m.width + left, m.width)
                                                  : find(plane, m, top, left, p.kernel);
        const int64_t to = (int64_t)map * area + place;
        store(y + to, best.value);
        if (argmax) argmax[to] = (uint8_t)best.at;
    }
}

template <class T> DEVICE void pool_gradient(T *dx, const uint8_t *argmax, const T *dy, const Maps m, const Pooling p) {
    const int area = m.height * m.width, place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= area) return;
    const int h = place / m.width + p.pad, w = place % m.width + p.pad;
    // The windows that hold the place: i*stride <= h < i*stride + kernel.
    const int top = h < p.kernel ? 0 : (h - p.kernel) / p.stride + 1,
              left = w < p.kernel ? 0 : (w - p.kernel) / p.stride + 1;
    const int bottom = min(h / p.stride, m.out_height - 1), right = min(w / p.stride, m.out_width - 1);
    for (int map = blockIdx.y; map < m.count; map += gridDim.y) {
        const int64_t from = (int64_t)map * m.out_height * m.out_width;
        float sum = 0.f;
        for (int i = top; i <= bottom; i++) {
            for (int j = left; j <= right; j++) {
                const int64_t at = from + i * m.out_width + j;
                if (argmax[at] == (h - i * p.stride) * p.kernel + (w - j * p.stride)) sum += load(dy + at);
            }
        }
        store(dx + (int64_t)map * area + place, sum);
    }
}

// Window is one window's gradient and the place that it goes to, no place of the window's where there is no such
// window.
struct Window {
    float dy;
    int at;
};

template <class T> DEVICE Window window_of(const uint8_t *argmax, const T *dy, const Maps &m, int i, int j) {
    const bool inside = i >= 0 && i < m.out_height && j >= 0 && j < m.out_width;
    const int at = inside ? i * m.out_width + j : 0; // so that both loads can start at once
    const int place = argmax[at];
    const Window w = {load(dy + at), inside ? place : -1};
    return w;
}

DEVICE float won(const Window &w, int at) { return w.at == at ? w.dy : 0.f; }

// paper_gradient is pool_gradient for windows of 3 of stride 2 without padding. The square of inputs (2i, 2j) to (2i+1,
// 2j+1) lies in the windows (i-1, j-1) to (i, j), whose places are 0 1 2 / 3 4 5 / 6 7 8.
template <class T> DEVICE void paper_gradient(T *dx, const uint8_t *argmax, const T *dy, const Maps m) {
    const int columns = (m.width + 1) / 2, place = blockIdx.x * blockDim.x + threadIdx.x, i = place / columns,
              j = place % columns;
    if (2 * i >= m.height) return;
    const bool below = 2 * i + 1 < m.height, beside = 2 * j + 1 < m.width;
    for (int map = blockIdx.y; map < m.count; map += gridDim.y) {
        const int64_t from = (int64_t)map * m.out_height * m.out_width;
        const Window a = window_of(argmax + from, dy + from, m, i - 1, j - 1),
                     b = window_of(argmax + from, dy + from, m, i - 1, j);
        const Window c = window_of(argmax + from, dy + from, m, i, j - 1),
                     d = window_of(argmax + from, dy + from, m, i, j);
        T *to = dx + ((int64_t)map * m.height + 2 * i) * m.width + 2 * j;
        store(to, won(a, 8) + won(b, 6) + won(c, 2) + won(d, 0));
        if (beside) store(to + 1, won(b, 7) + won(d, 1));
        if (below) store(to + m.width, won(c, 5) + won(d, 3));
        if (below && beside) store(to + m.width + 1, won(d, 4));
    }
}

#define POOL_KERNELS(T, name)                                                                                          \
    KERNEL(256)                                                                                                        \
    max_pool_forward_##name(T *y, uint8_t *argmax, const T *x, int maps, int height, int width, int out_height,        \
                            int out_width, int kernel, int stride, int pad) {                                          \
        const Maps m = {maps, height, width, out_height, out_width};                                                   \
        const Pooling p = {kernel, stride, pad};                                                                       \
        pool(y, argmax, x, m, p);                                                                                      \
    }                                                                                                                  \
    KERNEL(256)                                                                                                        \
    max_pool_backward_##name(T *dx, const uint8_t *argmax, const T *dy, int maps, int height, int width,               \
                             int out_height, int out_width, int kernel, int stride, int pad) {                         \
        const Maps m = {maps, height, width, out_height, out_width};                                                   \
        const Pooling p = {kernel, stride, pad};                                                                       \
        pool_gradient(dx, argmax, dy, m, p);                                                                           \
    }                                                                                                                  \
    KERNEL(256)                                                                                                        \
    max_pool_backward_squares_##name(T *dx, const uint8_t *argmax, const T *dy, int maps, int height, int width,       \
                                     int out_height, int out_width) {                                                  \
        const Maps m = {maps, height, width, out_height, out_width};                                                   \
        paper_gradient(dx, argmax, dy, m);                                                                             \
    }

POOL_KERNELS(float, f32)
POOL_KERNELS(bf16, bf16)
