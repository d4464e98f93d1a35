// lrn_max_pool.cu: local response normalisation and the max pooling of its result as one kernel, and the gradient of
// both and of a rectifier before them as another; formulas in engine/op/lrn_max_pool.go.
// Layout   x, dx: [N,C,H,W]; y, dy, argmax (uint8): [N,C,OH,OW]; argmax may be null
// Launch   forward: a block for a tile of an image's outputs and a chunk of a group's channels. A thread normalises one
//          place of the inputs that the tile reads, four channels at a time, into shared memory; then it takes one
//          output's maximum from there. So nothing is normalised twice but at the edges of tiles. backward: block 128
//          over the N*H*W places; a thread walks the channels as in lrn.cu, gathers each one's gradient from the at
//          most four windows that hold the place, and computes s again, which costs less than keeping it
// Limits   stride 2 or more, windows of stride to 2*stride a side, of 3, 5, 7 or 9 channels: the launch sees to it
// Moves    forward reads x and writes y and argmax, backward reads x, dy and argmax and writes dx: with windows of 3 at
//          a distance of 2, 5.3 and 9.3 bytes an element of x in f32, 2.8 and 4.8 in bf16. As five kernels it is 17.3
//          and 33.3, and 10.8 and 18.8. norm1 and norm2 of AlexNet at batch 128 (61 M elements) in f32: 0.89 GB instead
//          of 3.09, 0.27 ms instead of 0.92 at an H100's 3.35 TB/s. About 60 and 100 instructions an element: 0.13 and
//          0.21 ms at its issue rate
// Twin     engine/backend/reference/lrn_max_pool.go
#include "lrn.h"
#include "max_pool.h"

enum { most_places = 256 }; // of the inputs of a tile, a thread each
enum { least_window = 3, most_window = 9, least_stride = 2 };
AGREED(lrn_max_pool_most_places, most_places)
AGREED(lrn_max_pool_least_window, least_window)
AGREED(lrn_max_pool_most_window, most_window)
AGREED(lrn_max_pool_least_stride, least_stride)

// A thread takes at most one output of `steps` channels, and a tile has at least stride * stride inputs for each
// output.
static_assert(steps <= least_stride * least_stride,
              "a tile's threads, one for each input, are too few for its outputs");

// Tile is a block's part of an image: outputs from (row, column) on, and the inputs from (top, left) on that they read.
struct Tile {
    int row, column, height, width;
    int top, left, in_width, in_count;
};

DEVICE Tile tile_of(int number, int across, int height, int width, const Pooling &p) {
    Tile t = {number / across * height, number % across * width, height, width};
    t.top = t.row * p.stride - p.pad, t.left = t.column * p.stride - p.pad;
    t.in_width = (width - 1) * p.stride + p.kernel;
    t.in_count = ((height - 1) * p.stride + p.kernel) * t.in_width;
    return t;
}

// Output is the one that a thread takes: of channel `step` of four, at `to` in its map, or none.
struct Output {
    int step, to, row, column; // row and column are of its window's corner, in the tile's inputs
    bool valid;
};

DEVICE Output output_of(const Tile &t, const Maps &m, const Pooling &p) {
    const int area = t.height * t.width, step = threadIdx.x / area, place = threadIdx.x - step * area;
    const int i = place / t.width, j = place - i * t.width;
    Output o = {step, (t.row + i) * m.out_width + t.column + j, i * p.stride, j * p.stride};
    o.valid = step < steps && t.row + i < m.out_height && t.column + j < m.out_width;
    return o;
}

// Normals are a tile's inputs, normalised: of some channels, and while those are read, of the next.
typedef float Normals[2][steps][most_places];

// maximum looks through a window of the tile's inputs, as far as it lies inside of the map.
DEVICE Best maximum(const float *inputs, const Tile &t, const Output &o, const Maps &m, int kernel) {
    Best best = {0.f, -1};
    for (int u = 0; u < kernel; u++) {
        for (int v = 0; v < kernel; v++) {
            const int row = o.row + u, column = o.column + v;
            const bool inside =
                (unsigned)(t.top + row) < (unsigned)m.height && (unsigned)(t.left + column) < (unsigned)m.width;
            if (!inside) continue;
            const float value = inputs[row * t.in_width + column];
            if (best.at < 0) best = Best{value, u * kernel + v};
            else take(&best, value, u * kernel + v);
        }
    }
    return best;
}

template <int n, class T>
DEVICE void forward(T *RESTRICT y, uint8_t *RESTRICT argmax, const T *RESTRICT x, const Column &c,
                    const Normalisation &f, const Tile &t, const Maps &m, int kernel, const Output &o,
                    Normals &normal) {
    enum { half = n / 2, kept = n - 1 };
    float window[kept + steps]; // from channel-half on
    read<half, kept>(window, c, x, c.first - half);
    int now = 0;
    for (int channel = c.first; channel < c.last; channel += steps, now ^= 1) {
        read<half, steps>(window + kept, c, x, channel + half);
#pragma unroll
        for (int k = 0; k < steps; k++)
            normal[now][k][threadIdx.x] = window[k + half] * power(scale_of<n>(window + k, f), f.beta);
        slide<kept>(window);
        __syncthreads(); // one is enough: what was read before the last one is written again only now
        if (o.valid && channel + o.step < c.last) {
            const Best best = maximum(normal[now][o.step], t, o, m, kernel);
            const int64_t to = (int64_t)(channel + o.step) * m.out_height * m.out_width + o.to;
            store(y + to, best.value);
            if (argmax) argmax[to] = (uint8_t)best.at;
        }
    }
}

// Windows are those that hold a place: where each lies in a map of outputs, and which of its places this one is; -1
// where there is no such window.
struct Windows {
    int at[4], place[4];
};

DEVICE Windows windows_of(const Maps &m, const Pooling &p, int h, int w) {
    const int i = (h + p.pad) / p.stride, j = (w + p.pad) / p.stride;
    Windows windows;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int row = i - k / 2, column = j - k % 2, u = h + p.pad - row * p.stride,
                  v = w + p.pad - column * p.stride;
        const bool holds =
            row >= 0 && row < m.out_height && column >= 0 && column < m.out_width && u < p.kernel && v < p.kernel;
        windows.at[k] = holds ? row * m.out_width + column : 0; // so that all loads can start at once
        windows.place[k] = holds ? u * p.kernel + v : -1;
    }
    return windows;
}

// gathered is the gradient of a place of a map: of the windows that it won.
template <class T> DEVICE float gathered(const Windows &windows, const uint8_t *argmax, const T *dy) {
    float sum = 0.f;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const int won = argmax[windows.at[k]];
        const float gradient = load(dy + windows.at[k]);
        sum += won == windows.place[k] ? gradient : 0.f;
    }
    return sum;
}

// backward has x from `channel` on and the terms from channel-half on in registers, and begins as many channels before
// the first as fill them.
template <int n, class T>
DEVICE void backward(T *RESTRICT dx, const T *RESTRICT x, const uint8_t *RESTRICT argmax, const T *RESTRICT dy,
                     const Column &c, const Normalisation &f, const Windows &windows, int out_area, bool rectified) {
    enum { half = n / 2, kept = n - 1 };
    const float factor = 2.f * f.alpha * f.beta;
    const int begin = c.first - (kept + steps - 1) / steps * steps, terms = min(c.channels, c.last + half);
    float xs[kept + steps];
    Term window[kept + steps] = {};
    read<kept, kept>(xs, c, x, begin);
    for (int channel = begin; channel < c.last; channel += steps) {
        float dys[steps];
        read<kept, steps>(xs + kept, c, x, channel + kept);
#pragma unroll
        for (int k = 0; k < steps; k++) {
            const int j = channel + half + k;
            dys[k] = j >= 0 && j < terms ? gathered(windows, argmax + j * out_area, dy + j * out_area) : 0.f;
        }
#pragma unroll
        for (int k = 0; k < steps; k++) window[kept + k] = term(xs[k + half], scale_of<n>(xs + k, f), dys[k], f.beta);
#pragma unroll
        for (int k = 0; k < steps; k++) {
            if (channel + k < c.first || channel + k >= c.last) continue;
            const float g = gradient<n>(window + k, factor);
            store(dx + (channel + k) * c.area, rectified && !(window[k + half].x > 0.f) ? 0.f : g);
        }
        slide<kept>(xs);
        slide<kept>(window);
    }
}

#define LRN_MAX_POOL_KERNELS(T, name)                                                                                  \
    KERNEL(most_places)                                                                                                \
    lrn_max_pool_forward_##name(T *y, uint8_t *argmax, const T *x, int groups, int channels, int height, int width,    \
                                int out_height, int out_width, int kernel, int stride, int pad, int tile_height,       \
                                int tile_width, int across, int tiles, int chunk, int n, float k, float alpha,         \
                                float beta) {                                                                          \
        __shared__ Normals normal;                                                                                     \
        const Maps m = {0, height, width, out_height, out_width};                                                      \
        const Pooling p = {kernel, stride, pad};                                                                       \
        const Normalisation f = {k, alpha, beta};                                                                      \
        const int image = blockIdx.x / tiles, group = blockIdx.y % groups;                                             \
        const Tile t = tile_of(blockIdx.x - image * tiles, across, tile_height, tile_width, p);                        \
        const Output o = output_of(t, m, p);                                                                           \
        const int row = threadIdx.x / t.in_width, h = t.top + row, w = t.left + threadIdx.x - row * t.in_width;        \
        const bool inside = threadIdx.x < (unsigned)t.in_count && h >= 0 && h < height && w >= 0 && w < width;         \
        const int64_t map = ((int64_t)image * groups + group) * channels, to = map * out_height * out_width;           \
        Column c = {map * height * width + (inside ? h * width + w : 0), (int)blockIdx.y / groups * chunk};            \
        c.last = min(c.first + chunk, channels);                                                                       \
        c.channels = inside ? channels : 0; /* so that it reads nothing */                                             \
        c.area = height * width;                                                                                       \
        if (argmax) argmax += to;                                                                                      \
        switch (n) {                                                                                                   \
        case least_window: return forward<least_window>(y + to, argmax, x + c.at, c, f, t, m, kernel, o, normal);      \
        case 5: return forward<5>(y + to, argmax, x + c.at, c, f, t, m, kernel, o, normal);                            \
        case 7: return forward<7>(y + to, argmax, x + c.at, c, f, t, m, kernel, o, normal);                            \
        default: return forward<most_window>(y + to, argmax, x + c.at, c, f, t, m, kernel, o, normal);                 \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL(128)                                                                                                        \
    lrn_max_pool_backward_##name(T *dx, const T *x, const uint8_t *argmax, const T *dy, uint32_t places, int groups,   \
                                 int channels, int height, int width, int out_height, int out_width, int kernel,       \
                                 int stride, int pad, int chunk, int n, float k, float alpha, float beta,              \
                                 int rectified) {                                                                      \
        const Column c = column_of(places, groups, channels, height * width, chunk);                                   \
        const Maps m = {0, height, width, out_height, out_width};                                                      \
        const Pooling p = {kernel, stride, pad};                                                                       \
        const Normalisation f = {k, alpha, beta};                                                                      \
        if (!c.valid) return;                                                                                          \
        const int64_t map = c.at / c.area;                                                                             \
        const int place = (int)(c.at - map * c.area), h = place / width, out_area = out_height * out_width;            \
        const Windows windows = windows_of(m, p, h, place - h * width);                                                \
        dx += c.at, x += c.at, argmax += map * out_area, dy += map * out_area;                                         \
        switch (n) {                                                                                                   \
        case least_window: return backward<least_window>(dx, x, argmax, dy, c, f, windows, out_area, rectified);       \
        case 5: return backward<5>(dx, x, argmax, dy, c, f, windows, out_area, rectified);                             \
        case 7: return backward<7>(dx, x, argmax, dy, c, f, windows, out_area, rectified);                             \
        default: return backward<most_window>(dx, x, argmax, dy, c, f, windows, out_area, rectified);                  \
        }                                                                                                              \
    }

LRN_MAX_POOL_KERNELS(float, f32)
LRN_MAX_POOL_KERNELS(bf16, bf16)
