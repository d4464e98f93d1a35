// lrn_max_pool_paper.cu: what lrn_max_pool.cu does, for AlexNet's sizes: windows of 5 channels, a beta of 3/4 and a k
// that is no subnormal, pooling of 3x3 at stride 2 without padding; formulas in engine/op/lrn_max_pool.go.
// Arch compute_80
// Layout   x, dx: [N,H,W,C], groups side by side; y, dy, argmax (uint8): [N,OH,OW,C]; argmax may be null. The channels
//          of a group are a multiple of 16 bytes
// Launch   a thread has 16 bytes of channels. forward: along x tiles of an image, along y slabs of channels; a row of a
//          block's threads has a slab's, at one place. It normalises the inputs of a tile of outputs into shared
//          memory, then takes the maxima from there. backward: lrn_max_pool.h; along x places, along y slabs
// Moves    forward reads x and writes y and argmax, backward reads x, dy and argmax and writes dx: 2.8 and 4.8 bytes an
//          element of x in bf16, 5.3 and 9.3 in f32. norm1 and norm2 of AlexNet at batch 128 (61 M elements) in bf16:
//          0.46 GB, 0.14 ms at an H100's 3.35 TB/s. In the lab (kernels/lab/README.md) 62 and 102 us for norm1 and 61
//          and 82 for norm2, on an H200
// Twin     engine/backend/reference/lrn_max_pool.go
#include "lrn_max_pool.h"

enum { tile_height = 3, tile_width = 7, paper_window = 5 };
AGREED(lrn_max_pool_paper_height, tile_height)
AGREED(lrn_max_pool_paper_width, tile_width)
AGREED(lrn_max_pool_paper_window, paper_window)

// A block has a row of threads for each output of a tile, and its inputs are a multiple of that.
enum {
    in_height = 2 * tile_height + 1,
    in_width = 2 * tile_width + 1,
    in_count = in_height * in_width,
    outputs = tile_height * tile_width
};
static_assert(in_count % outputs == 0, "the inputs of a tile are no whole number of rounds");

// normalise says whether all values are sure to be numbers; if not, some may be NaN.
template <int lanes> DEVICE bool normalise(float *normal, const float *xs, const Normalisation &f) {
    enum { half = paper_window / 2 };
    float scale[lanes], all = 0.f; // all: of the scales that together have every lane's square
    scales_of<paper_window, lanes>(scale, xs, f);
#pragma unroll
    for (int i = 0; i < lanes; i++) {
        normal[i] = xs[half + i] * powers_of<true>(scale[i], f.beta).power;
        if (i % paper_window == half || i == lanes - 1) all += scale[i];
    }
    return all < bits_float(0x7f800000); // infinity
}

template <int lanes, class T>
DEVICE void forward(T *RESTRICT y, uint8_t *RESTRICT argmax, const T *RESTRICT x, const LRNMaxPool &q, float *kept) {
    const Pool &p = q.p;
    const Corner corner = corner_of(q, tile_height, tile_width);
    const int row = corner.row, column = corner.column;
    const int slab = blockDim.x, channel = (blockIdx.y * slab + threadIdx.x) * lanes, behind = in_count * slab;
    const bool works = channel < p.channels;
    const int first = in_group(q, channel);
    x += in_image(p, corner.image) + channel;
    bool sure = true, next = false;
    Around<T, paper_window / 2, lanes> around = {};
#pragma unroll
    for (int k = 0; k <= in_count / outputs; k++) { // a place is read while the one before is normalised
        const int place = threadIdx.y + k * outputs, to = (place - outputs) * slab + threadIdx.x;
        const int h = 2 * row + place / in_width, w = 2 * column + place % in_width;
        const bool inside = next;
        const Around<T, paper_window / 2, lanes> before = around;
        float normal[lanes];
        next = works && k < in_count / outputs && h < p.height && w < p.width;
        if (next) around.read(x + (h * p.width + w) * p.channels, first, q.group.divisor);
        if (inside) {
            float xs[before.count];
            before.unpack(xs);
            sure &= normalise<lanes>(normal, xs, q.f);
            keep<lanes>(kept, to, behind, normal);
        } else if (k > 0) { // where windows hang over there is no maximum
#pragma unroll
            for (int i = 0; i < lanes; i++) normal[i] = bits_float(0xff800000); // -infinity
            keep<lanes>(kept, to, behind, normal);
        }
    }
    const bool unsure = __syncthreads_or(!sure);
    const int i = threadIdx.y / tile_width, j = threadIdx.y % tile_width;
    if (!works || row + i >= p.out_height || column + j >= p.out_width) return;
    const int origin = (2 * i * in_width + 2 * j) * slab + threadIdx.x;
    Best<lanes> best;
    float v[lanes];
    kept_at<lanes>(v, kept, origin, behind);
    best.begin(v, 0);
    if (unsure) {
#pragma unroll 1
        for (int k = 1; k < 9; k++) {
            kept_at<lanes>(v, kept, origin + (k / 3 * in_width + k % 3) * slab, behind);
            best.take(v, k);
        }
    } else {
#pragma unroll
        for (int k = 1; k < 9; k++) {
            kept_at<lanes>(v, kept, origin + (k / 3 * in_width + k % 3) * slab, behind);
            best.take_number(v, k);
        }
    }
    const int64_t to = out_image(p, corner.image) + ((row + i) * p.out_width + column + j) * p.channels + channel;
    best.write(y + to, argmax ? argmax + to : argmax);
}

#define PAPER_KERNELS(T, name)                                                                                         \
    KERNEL(256) lrn_max_pool_forward_paper_##name(T *y, uint8_t *argmax, const T *x, LRNMaxPool q) {                   \
        DYNAMIC_SHARED(float, kept);                                                                                   \
        forward<Whole<T>::lanes>(y, argmax, x, q, kept);                                                               \
    }                                                                                                                  \
    KERNEL(128)                                                                                                        \
    lrn_max_pool_backward_paper_##name(T *dx, const T *x, const uint8_t *argmax, const T *dy, LRNMaxPool q) {          \
        DYNAMIC_SHARED(float, kept);                                                                                   \
        backward<true, paper_window, Whole<T>::lanes>(dx, x, argmax, dy, q, kept);                                     \
    }

PAPER_KERNELS(float, f32)
PAPER_KERNELS(bf16, bf16)
