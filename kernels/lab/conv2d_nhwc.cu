// conv2d_nhwc.cu: convolutions as implicit products of channels-last bf16 tensors, in tiles of several shapes, to be measured:
// kernels/lab/README.md. Formulas are in engine/op/conv2d.go.
// Arch compute_80
// Layout   x: [N,H,W,groups*C], y, dz: [N,P,Q,groups*K], w: [groups*K,R,R,C]; C and K, of a group, multiples of 8; bias f32
//          parts: [splits,groups*K,R,R,C] f32
// Launch   conv2d_nhwc_*: places in tiles of m along x, maps of a group in tiles of n along y, groups along z
//          conv2d_nhwc_grad_weight_*: columns (window, channel) in tiles of n along x, maps in tiles of m along y, splits*groups
//          along z; dynamic shared memory: stages * (m+n) * depth * 2 bytes
// Count    stride 1 only. The gradient of the input is the forward pass over dz with turned weights, pad R-1-pad
#include "tensor.h"
#include "tile.h"

// Conv is the geometry of a group, and what divides a place into image, row and column.
struct Conv {
    int images, height, width, channels, groups, maps, out_height, out_width, kernel, pad;
    Divider image, row;

    DEVICE_MEMBER int places() const { return images * out_height * out_width; }
    DEVICE_MEMBER int length() const { return kernel * kernel * channels; }
};

// Slices of an operand lie `depth` elements a line, or `width` elements for each k; chunks of eight are permuted so that neither
// the reads of ldmatrix nor the copies of 16 bytes meet in a bank.
template <int depth> DEVICE int along(int line, int chunk) {
    return depth == 32 ? line * 32 + (chunk ^ (line / 2 & 3)) * 8 : line * 64 + (chunk ^ (line & 7)) * 8;
}
template <int width> DEVICE int across(int k, int chunk) {
    const int mask = width % 64 == 0 ? 7 : width % 32 == 0 ? 3 : 1; // what a row's number of chunks is a multiple of, less one
    return k * width + ((chunk & ~mask) | ((chunk ^ (mask == 7 ? k : mask == 3 ? k / 2 : k / 4)) & mask)) * 8;
}

// multiply adds the product of a warp's 16*mi lines and 8*ni columns of one slice.
template <int depth, int mi, int ni, int m, int n, bool transposed>
DEVICE void multiply(float (&sum)[mi][ni][4], const bf16 *a, const bf16 *b, int line, int column) {
    const int lane = threadIdx.x % 32, r = lane % 8, low = lane / 8 % 2, high = lane / 16;
#pragma unroll
    for (int step = 0; step < depth / 16; step++) {
        uint32_t x[mi][4], y[ni][2];
#pragma unroll
        for (int i = 0; i < mi; i++) {
            if (transposed) matrices<true>(x[i], a + across<m>(16 * step + 8 * high + r, line / 8 + 2 * i + low));
            else matrices<false>(x[i], a + along<depth>(line + 16 * i + 8 * low + r, 2 * step + high));
        }
#pragma unroll
        for (int j = 0; j < ni / 2; j++) {
            uint32_t f[4];
            if (transposed) matrices<true>(f, b + across<n>(16 * step + 8 * low + r, column / 8 + 2 * j + high));
            else matrices<false>(f, b + along<depth>(column + 16 * j + 8 * high + r, 2 * step + low));
            y[2 * j][0] = f[0], y[2 * j][1] = f[1], y[2 * j + 1][0] = f[2], y[2 * j + 1][1] = f[3];
        }
#pragma unroll
        for (int i = 0; i < mi; i++)
#pragma unroll
            for (int j = 0; j < ni; j++) mma(sum[i][j], x[i], y[j]);
    }
}

// pipeline walks the slices: load(slot, slice) begins the copies of a slice, use(slot) multiplies one.
template <int stages, class Load, class Use> DEVICE void pipeline(int slices, Load load, Use use) {
#pragma unroll
    for (int s = 0; s + 1 < stages; s++) {
        if (s < slices) load(s, s);
        copies_end();
    }
    int now = 0, free = stages - 1;
#pragma unroll 1
    for (int s = 0; s < slices; s++) {
        copies_wait<stages - 2>();
        __syncthreads();
        if (s + stages - 1 < slices) load(free, s + stages - 1);
        copies_end();
        use(now);
        free = now, now = now + 1 < stages ? now + 1 : 0;
    }
}

template <int m, int n, int depth, int stages, int wm, int wn>
DEVICE void forward(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, const Conv &c) {
    enum { threads = 32 * (m / wm) * (n / wn), chunks = depth / 8, rows = threads / chunks, pixels = (m + rows - 1) / rows, lines = (n + rows - 1) / rows };
    DYNAMIC_SHARED(uint4, shared);
    bf16 *const slices = (bf16 *)shared;
    const int group = blockIdx.z, first = blockIdx.x * m, map = blockIdx.y * n, chunk = threadIdx.x % chunks, row = threadIdx.x / chunks;
    const int stride = c.groups * c.channels, length = c.length(), per = c.channels / 8;
    int at[pixels], top[pixels], left[pixels];
#pragma unroll
    for (int i = 0; i < pixels; i++) {
        const int place = first + row + i * rows, image = quotient(place, c.image), inside = place - image * c.out_height * c.out_width;
        const int p = quotient(inside, c.row);
        top[i] = place < c.places() ? p - c.pad : 1 << 29, left[i] = inside - p * c.out_width - c.pad;
        at[i] = ((image * c.height + p - c.pad) * c.width + left[i]) * stride + group * c.channels;
    }
    int u = 0, v = 0, channel = chunk; // of the thread's chunk of the slice that is loaded next
    while (channel >= per) {
        channel -= per;
        if (++v == c.kernel) v = 0, u++;
    }
    const bf16 *weights = w + (int64_t)(group * c.maps + map + row) * length + chunk * 8;
    int k = chunk * 8;
    const auto load = [&](int slot, int) {
        bf16 *const a = slices + slot * (m + n) * depth, *const b = a + m * depth;
        const int step = (u * c.width + v) * stride + channel * 8;
        const bool within = k < length;
#pragma unroll
        for (int i = 0; i < pixels; i++)
            if (m % rows == 0 || row + i * rows < m) {
                const bool there = within && (unsigned)(top[i] + u) < (unsigned)c.height && (unsigned)(left[i] + v) < (unsigned)c.width;
                copy16(a + along<depth>(row + i * rows, chunk), there ? x + at[i] + step : x, there);
            }
#pragma unroll
        for (int i = 0; i < lines; i++)
            if (n % rows == 0 || row + i * rows < n) {
                const bool there = within && map + row + i * rows < c.maps;
                copy16(b + along<depth>(row + i * rows, chunk), there ? weights + (int64_t)i * rows * length : w, there);
            }
        k += depth, weights += depth, channel += chunks;
        while (channel >= per) {
            channel -= per;
            if (++v == c.kernel) v = 0, u++;
        }
    };
    const int warp = threadIdx.x / 32, line = warp / (n / wn) * wm, column = warp % (n / wn) * wn;
    float sum[wm / 16][wn / 8][4] = {};
    pipeline<stages>((length + depth - 1) / depth, load, [&](int slot) {
        const bf16 *const a = slices + slot * (m + n) * depth;
        multiply<depth, wm / 16, wn / 8, m, n, false>(sum, a, a + m * depth, line, column);
    });
    const int lane = threadIdx.x % 32, out = c.groups * c.maps;
#pragma unroll
    for (int i = 0; i < wm / 16; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int place = first + line + 16 * i + 8 * half + lane / 4;
            if (place >= c.places()) continue;
#pragma unroll
            for (int j = 0; j < wn / 8; j++) {
                const int at = map + column + 8 * j + lane % 4 * 2;
                if (at >= c.maps) continue;
                float low = sum[i][j][2 * half], high = sum[i][j][2 * half + 1];
                if (bias) {
                    low += bias[group * c.maps + at], high += bias[group * c.maps + at + 1];
                    low = low < 0 ? 0 : low, high = high < 0 ? 0 : high;
                }
                *(uint32_t *)(y + (int64_t)place * out + group * c.maps + at) = rounded(low).bits | (uint32_t)rounded(high).bits << 16;
            }
        }
}

template <int m, int n, int depth, int stages, int wm, int wn>
DEVICE void grad_weight(float *parts, const bf16 *x, const bf16 *dz, const Conv &c, int splits) {
    enum { threads = 32 * (m / wm) * (n / wn) };
    enum { a_chunks = m / 8, a_rows = threads / a_chunks, a_copies = depth / a_rows, b_chunks = n / 8, b_rows = threads / b_chunks, b_copies = depth / b_rows };
    static_assert(a_rows * a_copies == depth && b_rows * b_copies == depth, "a thread has as many chunks as every other");
    DYNAMIC_SHARED(uint4, shared);
    bf16 *const slices = (bf16 *)shared;
    const int group = blockIdx.z / splits, split = blockIdx.z % splits, map = blockIdx.y * m, column = blockIdx.x * n;
    const int stride = c.groups * c.channels, out = c.groups * c.maps, length = c.length(), places = c.places();
    const int all = (places + depth - 1) / depth, begin = (int64_t)all * split / splits, end = (int64_t)all * (split + 1) / splits;
    const int a_chunk = threadIdx.x % a_chunks, a_row = threadIdx.x / a_chunks, b_chunk = threadIdx.x % b_chunks, b_row = threadIdx.x / b_chunks;
    const bool a_there = map + a_chunk * 8 < c.maps, b_there = column + b_chunk * 8 < length;
    const int window = (column + b_chunk * 8) / c.channels, u = window / c.kernel - c.pad, v = window % c.kernel - c.pad;
    const int channel = group * c.channels + (column + b_chunk * 8) % c.channels;
    const auto load = [&](int slot, int slice) {
        bf16 *const a = slices + slot * (m + n) * depth, *const b = a + m * depth;
        const int place = (begin + slice) * depth;
#pragma unroll
        for (int i = 0; i < a_copies; i++) {
            const int k = a_row + i * a_rows;
            const bool there = a_there && place + k < places;
            copy16(a + across<m>(k, a_chunk), there ? dz + (int64_t)(place + k) * out + group * c.maps + map + a_chunk * 8 : dz, there);
        }
#pragma unroll
        for (int i = 0; i < b_copies; i++) {
            const int k = b_row + i * b_rows, image = quotient(place + k, c.image), inside = place + k - image * c.out_height * c.out_width;
            const int p = quotient(inside, c.row), h = p + u, q = inside - p * c.out_width + v;
            const bool there = b_there && place + k < places && (unsigned)h < (unsigned)c.height && (unsigned)q < (unsigned)c.width;
            copy16(b + across<n>(k, b_chunk), there ? x + (int64_t)((image * c.height + h) * c.width + q) * stride + channel : x, there);
        }
    };
    const int warp = threadIdx.x / 32, line = warp / (n / wn) * wm, across_ = warp % (n / wn) * wn;
    float sum[wm / 16][wn / 8][4] = {};
    pipeline<stages>(end - begin, load, [&](int slot) {
        const bf16 *const a = slices + slot * (m + n) * depth;
        multiply<depth, wm / 16, wn / 8, m, n, true>(sum, a, a + m * depth, line, across_);
    });
    const int lane = threadIdx.x % 32;
    float *const to = parts + (int64_t)(split * c.groups + group) * c.maps * length;
#pragma unroll
    for (int i = 0; i < wm / 16; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int at = map + line + 16 * i + 8 * half + lane / 4;
            if (at >= c.maps) continue;
#pragma unroll
            for (int j = 0; j < wn / 8; j++) {
                const int in = column + across_ + 8 * j + lane % 4 * 2;
                if (in < length) *(float2 *)(to + (int64_t)at * length + in) = make_float2(sum[i][j][2 * half], sum[i][j][2 * half + 1]);
            }
        }
}

#define CONV                                                                                                                               \
    int images, int height, int width, int channels, int groups, int maps, int out_height, int out_width, int kernel, int pad,             \
        unsigned image_multiplier, int image_shift, unsigned row_multiplier, int row_shift
#define CONV_OF                                                                                                                            \
    Conv {                                                                                                                                 \
        images, height, width, channels, groups, maps, out_height, out_width, kernel, pad,                                                 \
            divider(out_height * out_width, image_multiplier, image_shift), divider(out_width, row_multiplier, row_shift)                  \
    }

#define VARIANT(name, m, n, depth, stages, wm, wn, blocks)                                                                                 \
    extern "C" __global__ void __launch_bounds__(32 * (m / wm) * (n / wn), blocks)                                                         \
        conv2d_nhwc_##name(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, CONV) {                                               \
        forward<m, n, depth, stages, wm, wn>(y, x, w, bias, CONV_OF);                                                                      \
    }
#define GRADIENT(name, m, n, depth, stages, wm, wn, blocks)                                                                                \
    extern "C" __global__ void __launch_bounds__(32 * (m / wm) * (n / wn), blocks)                                                         \
        conv2d_nhwc_grad_weight_##name(float *parts, const bf16 *x, const bf16 *dz, CONV, int splits) {                                    \
        grad_weight<m, n, depth, stages, wm, wn>(parts, x, dz, CONV_OF, splits);                                                           \
    }

// name: tile of places by maps, depth, stages, and the warp's tile
VARIANT(128x128_32_4_64x32, 128, 128, 32, 4, 64, 32, 2)
VARIANT(128x128_32_4_64x64, 128, 128, 32, 4, 64, 64, 2)
VARIANT(128x128_64_3_64x64, 128, 128, 64, 3, 64, 64, 2)
VARIANT(128x128_64_3_64x32, 128, 128, 64, 3, 64, 32, 2)
VARIANT(256x128_32_4_64x64, 256, 128, 32, 4, 64, 64, 1)
VARIANT(256x128_64_3_64x64, 256, 128, 64, 3, 64, 64, 1)
VARIANT(128x192_32_4_64x48, 128, 192, 32, 4, 64, 48, 1)
VARIANT(128x192_64_3_64x48, 128, 192, 64, 3, 64, 48, 1)
VARIANT(128x96_32_4_64x48, 128, 96, 32, 4, 64, 48, 2)
VARIANT(128x96_64_3_64x48, 128, 96, 64, 3, 64, 48, 2)
VARIANT(256x96_32_4_64x48, 256, 96, 32, 4, 64, 48, 1)
VARIANT(128x64_32_4_64x32, 128, 64, 32, 4, 64, 32, 3)
VARIANT(128x64_64_3_64x32, 128, 64, 64, 3, 64, 32, 3)
VARIANT(128x48_32_4_32x48, 128, 48, 32, 4, 32, 48, 3)
VARIANT(128x48_64_3_32x48, 128, 48, 64, 3, 32, 48, 3)
VARIANT(256x48_32_4_64x48, 256, 48, 32, 4, 64, 48, 2)
VARIANT(256x48_64_3_64x48, 256, 48, 64, 3, 64, 48, 2)

GRADIENT(128x128_32_4_64x32, 128, 128, 32, 4, 64, 32, 2)
GRADIENT(128x128_32_4_64x64, 128, 128, 32, 4, 64, 64, 2)
GRADIENT(128x128_64_3_64x64, 128, 128, 64, 3, 64, 64, 2)
GRADIENT(128x256_32_4_64x64, 128, 256, 32, 4, 64, 64, 1)
GRADIENT(64x128_32_4_32x64, 64, 128, 32, 4, 32, 64, 3)
GRADIENT(64x128_64_3_32x64, 64, 128, 64, 3, 32, 64, 3)
GRADIENT(64x256_32_4_64x64, 64, 256, 32, 4, 64, 64, 2)
GRADIENT(32x128_64_4_32x32, 32, 128, 64, 4, 32, 32, 3)
