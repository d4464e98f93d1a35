// conv2d_tensor.h: the copies of a convolution's slices, 16 bytes at a time, that are not of plain matrices. A group's
// channels, and the maps of gradients, are a multiple of eight here: what has others is padded before (patch.cu).
// Formulas are in engine/op/conv2d.go.
#pragma once

#include "conv2d.h"
#include "tensor_product.h"

// No image reaches so far: extents are at most half of it, which the launch sees to.
enum { nowhere = 1 << 29 };
AGREED(conv2d_nowhere, nowhere)

DEVICE int places_of(const Conv2D &c) { return c.images * c.out_height * c.out_width; }
DEVICE int length_of(const Conv2D &c) { return c.kernel * c.kernel * c.weight_channels; }

// gradient_maps is how many maps of a group a place of dz has in memory.
DEVICE int gradient_maps(const Conv2D &c) { return (c.maps + 7) & ~7; }

// Unfolded copies slices of A[m,k] of the forward pass: places of the output from `first` on by (row, column, channel)
// of the window. A thread has one chunk of eight of k, which moves on through the window, at several places.
template <int count, int depth, int threads> struct Unfolded {
    enum { chunks = depth / 8, rows = threads / chunks, copies = (count + rows - 1) / rows };
    const Conv2D &c;
    const bf16 *x;
    int row, chunk, u, v, channel; // of the next slice; channels in chunks
    int at[copies], top[copies], left[copies];

    DEVICE_MEMBER Unfolded(const Conv2D &c, const bf16 *x, int group, int first)
        : c(c), x(x), row(threadIdx.x / chunks), chunk(threadIdx.x % chunks), u(0), v(0), channel(chunk) {
#pragma unroll
        for (int i = 0; i < copies; i++) {
            const int place = first + row + i * rows, image = quotient(place, c.area);
            const int inside = place - image * c.out_height * c.out_width, p = quotient(inside, c.row);
            const int h = p * c.stride - c.pad;
            top[i] = place < places_of(c) ? h : nowhere, left[i] = (inside - p * c.out_width) * c.stride - c.pad;
            at[i] = ((image * c.height + h) * c.width + left[i]) * c.groups * c.channels + group * c.channels;
        }
        wrap();
    }
    DEVICE_MEMBER void wrap() {
        while (channel >= c.channels / 8) {
            channel -= c.channels / 8;
            if (++v == c.kernel) v = 0, u++;
        }
    }
    DEVICE_MEMBER void load(bf16 *to) {
        const int step = (u * c.width + v) * c.groups * c.channels + channel * 8;
#pragma unroll
        for (int i = 0; i < copies; i++) {
            const int line = row + i * rows;
            if (count % rows != 0 && line >= count) continue;
            const bool there = (u < c.kernel) & ((unsigned)(top[i] + u) < (unsigned)c.height) &
                               ((unsigned)(left[i] + v) < (unsigned)c.width);
            copy16(to + Along<depth>::at(line, chunk), x + (there ? at[i] + step : 0), there);
        }
        channel += chunks;
        wrap();
    }
};

// UnfoldedAcross copies slices of B[k,n] of the gradient of the weights: k places of the output, n (row, column,
// channel) of the window from `first` on. A thread has one chunk of n at several places.
template <int count, int depth, int threads> struct UnfoldedAcross {
    enum { chunks = count / 8, rows = threads / chunks, copies = (depth + rows - 1) / rows };
    enum { uneven = depth % rows != 0 || chunks * rows != threads };
    const Conv2D &c;
    const bf16 *x;
    int row, chunk, u, v, channel, all_channels;
    bool within;

    DEVICE_MEMBER UnfoldedAcross(const Conv2D &c, const bf16 *x, int group, int first)
        : c(c), x(x), row(threadIdx.x / chunks), chunk(threadIdx.x % chunks) {
        const int in = first + chunk * 8, place = in / c.channels;
        u = place / c.kernel - c.pad, v = place % c.kernel - c.pad, channel = group * c.channels + in % c.channels;
        within = in < length_of(c) && row < rows, all_channels = c.groups * c.channels;
    }
    DEVICE_MEMBER void load(bf16 *to, int k) const {
#pragma unroll
        for (int i = 0; i < copies; i++) {
            const int line = row + i * rows, place = k + line, image = quotient(place, c.area);
            if (uneven && (row >= rows || line >= depth)) continue;
            const int inside = place - image * c.out_height * c.out_width, p = quotient(inside, c.row);
            const int h = p * c.stride + u, w = (inside - p * c.out_width) * c.stride + v;
            const bool there = within & (place < places_of(c)) & ((unsigned)h < (unsigned)c.height) &
                               ((unsigned)w < (unsigned)c.width);
            const int at = ((image * c.height + h) * c.width + w) * all_channels + channel;
            copy16(to + Across<count>::at(line, chunk), x + (there ? at : 0), there);
        }
    }
};

// Folded copies slices of A[m,k] of the gradient of the input: places of the input from `first` on by maps of a place
// of the window, u and v, at which they meet place (h+pad-u, w+pad-v)/stride of the output, if there is one. c.area and
// c.row divide by the input's extents.
template <int count, int depth, int threads, bool strided> struct Folded {
    enum { chunks = depth / 8, rows = threads / chunks, copies = (count + rows - 1) / rows };
    const Conv2D &c;
    const bf16 *dz;
    int row, chunk, maps;
    int at[copies], top[copies], left[copies]; // where it meets u = v = 0; strided, at is the image

    DEVICE_MEMBER Folded(const Conv2D &c, const bf16 *dz, int group, int first)
        : c(c), dz(dz), row(threadIdx.x / chunks), chunk(threadIdx.x % chunks), maps(gradient_maps(c)) {
        this->dz += group * maps + chunk * 8;
#pragma unroll
        for (int i = 0; i < copies; i++) {
            const int place = first + row + i * rows, image = quotient(place, c.area);
            const int inside = place - image * c.height * c.width, h = quotient(inside, c.row);
            top[i] = image < c.images ? h + c.pad : -nowhere, left[i] = inside - h * c.width + c.pad;
            at[i] = strided ? image : ((image * c.out_height + h + c.pad) * c.out_width + left[i]) * c.groups * maps;
        }
    }
    // load copies a slice of maps from `map` on.
    DEVICE_MEMBER void load(bf16 *to, int u, int v, int map) const {
        const int step = (u * c.out_width + v) * c.groups * maps - map;
#pragma unroll
        for (int i = 0; i < copies; i++) {
            const int line = row + i * rows;
            if (count % rows != 0 && line >= count) continue;
            int p = top[i] - u, q = left[i] - v, from = at[i] - step;
            bool there = map + chunk * 8 < maps;
            if (strided) {
                there = there && p >= 0 && q >= 0 && p % c.stride == 0 && q % c.stride == 0;
                p /= c.stride, q /= c.stride;
                from = ((at[i] * c.out_height + p) * c.out_width + q) * c.groups * maps + map;
            }
            there = there & ((unsigned)p < (unsigned)c.out_height) & ((unsigned)q < (unsigned)c.out_width);
            copy16(to + Along<depth>::at(line, chunk), dz + (there ? from : -chunk * 8), there);
        }
    }
};
