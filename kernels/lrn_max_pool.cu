// lrn_max_pool.cu: local response normalisation and the max pooling of its result as one kernel, and the gradient of
// both and of a rectifier before them as another; formulas in engine/op/lrn_max_pool.go.
// Layout   x, dx: [N,H,W,C], groups side by side; y, dy, argmax (uint8): [N,OH,OW,C]; argmax may be null
// Launch   a thread has 16 bytes of channels, or, by the kernels called scalar, one. forward: along x tiles of an
//          image, along y slabs of channels; a row of a block's threads has a slab's, at one place. It normalises the
//          inputs of a tile of outputs into shared memory, then takes the maxima from there. So nothing is normalised
//          twice but at the edges of tiles. backward: lrn_max_pool.h; along x places, along y slabs
// Limits   stride 2 or more, windows of stride to 2*stride a side, of 3, 5, 7 or 9 channels: the launch sees to it
// Moves    forward reads x and writes y and argmax, backward reads x, dy and argmax and writes dx: with windows of 3 at
//          a distance of 2, 5.3 and 9.3 bytes an element of x in f32, 2.8 and 4.8 in bf16. As five kernels it is 17.3
//          and 33.3, and 10.8 and 18.8
// Fast     AlexNet's sizes have kernels of their own: lrn_max_pool_paper.cu
// Twin     engine/backend/reference/lrn_max_pool.go
#include "lrn_max_pool.h"

enum { most_places = 256 }; // of a window: argmax is a byte
enum { least_window = 3, most_window = 9, least_stride = 2 };
AGREED(lrn_max_pool_most_places, most_places)
AGREED(lrn_max_pool_least_window, least_window)
AGREED(lrn_max_pool_most_window, most_window)
AGREED(lrn_max_pool_least_stride, least_stride)

// Tile is a block's part of an image: its outputs' corner, and the inputs from (top, left) on that they read.
struct Tile {
    Corner corner;
    int top, left, in_height, in_width;
};

DEVICE Tile tile_of(const LRNMaxPool &q) {
    const Pool &p = q.p;
    Tile t;
    t.corner = corner_of(q, q.tile_height, q.tile_width);
    t.top = t.corner.row * p.stride - p.pad, t.left = t.corner.column * p.stride - p.pad;
    t.in_height = (q.tile_height - 1) * p.stride + p.kernel, t.in_width = (q.tile_width - 1) * p.stride + p.kernel;
    return t;
}

// normalise puts a tile's inputs, as far as they are inside of the map, into shared memory.
template <int n, int lanes, class T>
DEVICE void normalise(float *kept, const T *x, const LRNMaxPool &q, const Tile &t, int channel) {
    const Pool &p = q.p;
    const int count = t.in_height * t.in_width, first = in_group(q, channel);
    x += in_image(p, t.corner.image) + channel;
    for (int place = threadIdx.y; place < count; place += blockDim.y) {
        const int i = place / t.in_width, h = t.top + i, w = t.left + place - i * t.in_width;
        if ((unsigned)h >= (unsigned)p.height || (unsigned)w >= (unsigned)p.width) continue;
        Around<T, n / 2, lanes> around;
        float xs[around.count], scale[lanes], normal[lanes];
        around.read(x + (h * p.width + w) * p.channels, first, q.group.divisor);
        around.unpack(xs);
        scales_of<n, lanes>(scale, xs, q.f);
#pragma unroll
        for (int k = 0; k < lanes; k++) normal[k] = xs[n / 2 + k] * power(scale[k], q.f.beta);
        keep<lanes>(kept, place * blockDim.x + threadIdx.x, count * blockDim.x, normal);
    }
}

// maximum looks through the window of an output of a tile, as far as it lies inside of the map.
template <int lanes> DEVICE Best<lanes> maximum(const float *kept, const Pool &p, const Tile &t, int row, int column) {
    const int h = row * p.stride, w = column * p.stride, behind = t.in_height * t.in_width * blockDim.x;
    Best<lanes> best;
    bool begun = false;
    for (int u = max(0, -(t.top + h)); u < min(p.kernel, p.height - t.top - h); u++) {
        for (int v = max(0, -(t.left + w)); v < min(p.kernel, p.width - t.left - w); v++) {
            float value[lanes];
            kept_at<lanes>(value, kept, ((h + u) * t.in_width + w + v) * blockDim.x + threadIdx.x, behind);
            if (begun) best.take(value, u * p.kernel + v);
            else best.begin(value, u * p.kernel + v);
            begun = true;
        }
    }
    return best;
}

template <int lanes, class T>
DEVICE void forward(T *RESTRICT y, uint8_t *RESTRICT argmax, const T *RESTRICT x, const LRNMaxPool &q, float *kept) {
    const Pool &p = q.p;
    const Tile t = tile_of(q);
    const int channel = (blockIdx.y * blockDim.x + threadIdx.x) * lanes;
    const bool works = channel < p.channels;
    if (works && q.n == least_window) normalise<least_window, lanes>(kept, x, q, t, channel);
    else if (works && q.n == 5) normalise<5, lanes>(kept, x, q, t, channel);
    else if (works && q.n == 7) normalise<7, lanes>(kept, x, q, t, channel);
    else if (works) normalise<most_window, lanes>(kept, x, q, t, channel);
    __syncthreads();
    for (int place = threadIdx.y; place < q.tile_height * q.tile_width; place += blockDim.y) {
        const int i = place / q.tile_width, j = place - i * q.tile_width, row = t.corner.row + i,
                  column = t.corner.column + j;
        if (!works || row >= p.out_height || column >= p.out_width) continue;
        const int64_t to = out_image(p, t.corner.image) + (row * p.out_width + column) * p.channels + channel;
        maximum<lanes>(kept, p, t, i, j).write(y + to, argmax ? argmax + to : argmax);
    }
}

#define LRN_MAX_POOL_KERNELS(T, name, lanes)                                                                           \
    KERNEL_ONCE(256) lrn_max_pool_forward_##name(T *y, uint8_t *argmax, const T *x, LRNMaxPool q) {                    \
        DYNAMIC_SHARED(float, kept);                                                                                   \
        forward<lanes>(y, argmax, x, q, kept);                                                                         \
    }                                                                                                                  \
    KERNEL_ONCE(128)                                                                                                   \
    lrn_max_pool_backward_##name(T *dx, const T *x, const uint8_t *argmax, const T *dy, LRNMaxPool q) {                \
        DYNAMIC_SHARED(float, kept);                                                                                   \
        if (q.n == least_window) backward<false, least_window, lanes>(dx, x, argmax, dy, q, kept);                     \
        else if (q.n == 5) backward<false, 5, lanes>(dx, x, argmax, dy, q, kept);                                      \
        else if (q.n == 7) backward<false, 7, lanes>(dx, x, argmax, dy, q, kept);                                      \
        else backward<false, most_window, lanes>(dx, x, argmax, dy, q, kept);                                          \
    }

LRN_MAX_POOL_KERNELS(float, f32, Whole<float>::lanes)
LRN_MAX_POOL_KERNELS(float, scalar_f32, 1)
LRN_MAX_POOL_KERNELS(bf16, bf16, Whole<bf16>::lanes)
LRN_MAX_POOL_KERNELS(bf16, scalar_bf16, 1)
