// conv2d.h: what conv2d_nhwc.cu and conv2d_wgmma.cu share: the geometry of a group, the copies of a slice, 16 bytes at
// a time, into shared memory, and the stores of results. Formulas are in engine/op/conv2d.go.
//
// Layout   x: [N,H,W,groups*C], y, dz: [N,P,Q,groups*K], w: [groups*K,R,R,C]; C and K, of a group, multiples of 8
//          bias f32; parts: [splits,groups*K,R,R,C] f32
// Launch   forward: places in tiles of m along x, maps of a group in tiles of n along y, groups along z
//          gradient of weights: columns (window, channel) in tiles of n along x, maps in tiles of m along y,
//          splits*groups along z
//          dynamic shared memory: stages * (m+n) * depth * 2 bytes
// Count    stride 1 only. The gradient of the input is the forward pass over dz with turned weights, pad R-1-pad
#pragma once

#include "tensor.h"
#include "tile.h"

// Conv is the geometry of a group, and what divides a place into image, row and column.
struct Conv {
    int images, height, width, channels, groups, maps, out_height, out_width, kernel, pad;
    FastDivisor image, row;

    DEVICE_MEMBER int places() const { return images * out_height * out_width; }
    DEVICE_MEMBER int length() const { return kernel * kernel * channels; }
};

#define CONV                                                                                                           \
    int images, int height, int width, int channels, int groups, int maps, int out_height, int out_width, int kernel,  \
        int pad, unsigned image_multiplier, int image_shift, unsigned row_multiplier, int row_shift
#define CONV_OF                                                                                                        \
    Conv {                                                                                                             \
        images, height, width, channels, groups, maps, out_height, out_width, kernel, pad,                             \
            fast_divisor(out_height *out_width, image_multiplier, image_shift),                                        \
            fast_divisor(out_width, row_multiplier, row_shift)                                                         \
    }

// Forward copies slices of the forward pass: m places and n maps, `depth` of (window, channel) each. A thread has one
// chunk of eight, in several lines. Place::at(line, chunk) is where a chunk lies.
template <int m, int n, int depth, int threads, class Place> struct Forward {
    enum { chunks = depth / 8, rows = threads / chunks, pixels = (m + rows - 1) / rows, lines = (n + rows - 1) / rows };
    const Conv &c;
    const bf16 *x, *w, *weights;
    int first_map, chunk, row, k, u, v, channel; // of the thread's chunk of the slice that is loaded next
    int at[pixels], top[pixels], left[pixels];

    DEVICE_MEMBER Forward(const Conv &c, const bf16 *x, const bf16 *w, int group, int first, int map)
        : c(c), x(x), w(w), first_map(map), chunk(threadIdx.x % chunks), row(threadIdx.x / chunks), k(chunk * 8), u(0),
          v(0), channel(chunk) {
        weights = w + (int64_t)(group * c.maps + map + row) * c.length() + chunk * 8;
#pragma unroll
        for (int i = 0; i < pixels; i++) {
            const int place = first + row + i * rows, image = quotient(place, c.image);
            const int inside = place - image * c.out_height * c.out_width, p = quotient(inside, c.row);
            top[i] = place < c.places() ? p - c.pad : 1 << 29, left[i] = inside - p * c.out_width - c.pad;
            at[i] = ((image * c.height + p - c.pad) * c.width + left[i]) * c.groups * c.channels + group * c.channels;
        }
        wrap();
    }
    DEVICE_MEMBER void wrap() {
        while (channel >= c.channels / 8) {
            channel -= c.channels / 8;
            if (++v == c.kernel) v = 0, u++;
        }
    }
    DEVICE_MEMBER void load(bf16 *a, bf16 *b) {
        const int step = (u * c.width + v) * c.groups * c.channels + channel * 8;
        const bool within = k < c.length();
#pragma unroll
        for (int i = 0; i < pixels; i++)
            if (m % rows == 0 || row + i * rows < m) {
                const bool there = within && (unsigned)(top[i] + u) < (unsigned)c.height &&
                                   (unsigned)(left[i] + v) < (unsigned)c.width;
                copy16(a + Place::at(row + i * rows, chunk), there ? x + at[i] + step : x, there);
            }
#pragma unroll
        for (int i = 0; i < lines; i++)
            if (n % rows == 0 || row + i * rows < n) {
                const bool there = within && first_map + row + i * rows < c.maps;
                copy16(b + Place::at(row + i * rows, chunk), there ? weights + (int64_t)i * rows * c.length() : w,
                       there);
            }
        k += depth, weights += depth, channel += chunks;
        wrap();
    }
};

// Gradient copies slices of the gradient of weights: m maps and n of (window, channel), of `depth` places each.
// Left::at(k, chunk) and Right::at are where a chunk of a place lies.
template <int m, int n, int depth, int threads, class Left, class Right> struct Gradient {
    enum { left_chunks = m / 8, left_rows = threads / left_chunks, left_copies = (depth + left_rows - 1) / left_rows };
    enum {
        right_chunks = n / 8,
        right_rows = threads / right_chunks,
        right_copies = (depth + right_rows - 1) / right_rows
    };
    const Conv &c;
    const bf16 *x, *dz;
    int left_chunk, left_row, right_chunk, right_row, u, v, channel, map;
    bool left_there, right_there;

    DEVICE_MEMBER Gradient(const Conv &c, const bf16 *x, const bf16 *dz, int group, int first, int column)
        : c(c), x(x), dz(dz), left_chunk(threadIdx.x % left_chunks), left_row(threadIdx.x / left_chunks),
          right_chunk(threadIdx.x % right_chunks), right_row(threadIdx.x / right_chunks) {
        const int in = column + right_chunk * 8, window = in / c.channels;
        u = window / c.kernel - c.pad, v = window % c.kernel - c.pad, channel = group * c.channels + in % c.channels;
        map = group * c.maps + first + left_chunk * 8;
        left_there = first + left_chunk * 8 < c.maps, right_there = in < c.length();
    }
    DEVICE_MEMBER void load(bf16 *a, bf16 *b, int place) {
#pragma unroll
        for (int i = 0; i < left_copies; i++) {
            const int k = left_row + i * left_rows;
            if (depth % left_rows != 0 && k >= depth) continue;
            const bool there = left_there && place + k < c.places();
            copy16(a + Left::at(k, left_chunk), there ? dz + (int64_t)(place + k) * c.groups * c.maps + map : dz,
                   there);
        }
#pragma unroll
        for (int i = 0; i < right_copies; i++) {
            const int k = right_row + i * right_rows, image = quotient(place + k, c.image);
            if (right_rows * right_chunks < threads && right_row >= right_rows || depth % right_rows != 0 && k >= depth)
                continue;
            const int inside = place + k - image * c.out_height * c.out_width;
            const int p = quotient(inside, c.row), h = p + u, q = inside - p * c.out_width + v;
            const bool there = right_there && place + k < c.places() && (unsigned)h < (unsigned)c.height &&
                               (unsigned)q < (unsigned)c.width;
            const int64_t at = (int64_t)((image * c.height + h) * c.width + q) * c.groups * c.channels + channel;
            copy16(b + Right::at(k, right_chunk), there ? x + at : x, there);
        }
    }
};

// Slices is the part of the sum over places that a block of the gradient of weights has.
struct Slices {
    int begin, end;
};
template <int depth> DEVICE Slices slices_of(const Conv &c, int split, int splits) {
    const int64_t all = (c.places() + depth - 1) / depth;
    return Slices{(int)(all * split / splits), (int)(all * (split + 1) / splits)};
}

// store_maps stores two neighbouring maps of a place, with bias and rectifier where there is a bias.
DEVICE void store_maps(bf16 *y, const float *bias, const Conv &c, int group, int place, int map, float low,
                       float high) {
    if (map >= c.maps) return;
    map += group * c.maps;
    if (bias) {
        low += bias[map], high += bias[map + 1];
        low = low < 0 ? 0 : low, high = high < 0 ? 0 : high;
    }
    *(uint32_t *)(y + (int64_t)place * c.groups * c.maps + map) = rounded(low).bits | (uint32_t)rounded(high).bits
                                                                                          << 16;
}

// store_part stores two neighbouring columns of a map's part.
DEVICE void store_part(float *part, const Conv &c, int map, int column, float low, float high) {
    if (column < c.length()) *(float2 *)(part + (int64_t)map * c.length() + column) = make_float2(low, high);
}
