// conv2d_nhwc.cu: convolutions as implicit products of channels-last bf16 tensors, in tiles of several shapes, to be
// measured: kernels/lab/README.md. Layout, launch and count are in conv2d.h.
// Arch compute_80
#include "lab/conv2d.h"

// Slices lie `depth` elements a line, or `width` elements for each k; chunks of eight are permuted so that neither the
// reads of ldmatrix nor the copies of 16 bytes meet in a bank.
template <int depth> struct Along {
    static DEVICE_MEMBER int at(int line, int chunk) {
        return depth == 32 ? line * 32 + (chunk ^ (line / 2 & 3)) * 8 : line * 64 + (chunk ^ (line & 7)) * 8;
    }
};
template <int width> struct Across {
    static DEVICE_MEMBER int at(int k, int chunk) {
        const int mask = width % 64 == 0 ? 7 : width % 32 == 0 ? 3 : 1; // a row's chunks are a multiple of one more
        return k * width + ((chunk & ~mask) | ((chunk ^ (mask == 7 ? k : mask == 3 ? k / 2 : k / 4)) & mask)) * 8;
    }
};

// multiply adds the product of a warp's 16*mi lines and 8*ni columns of one slice.
template <int depth, int mi, int ni, int m, int n, bool transposed>
DEVICE void multiply(float (&sum)[mi][ni][4], const bf16 *a, const bf16 *b, int line, int column) {
    const int lane = threadIdx.x % 32, r = lane % 8, low = lane / 8 % 2, high = lane / 16;
#pragma unroll
    for (int step = 0; step < depth / 16; step++) {
        uint32_t x[mi][4], y[ni][2];
#pragma unroll
        for (int i = 0; i < mi; i++) {
            if (transposed) matrices<true>(x[i], a + Across<m>::at(16 * step + 8 * high + r, line / 8 + 2 * i + low));
            else matrices<false>(x[i], a + Along<depth>::at(line + 16 * i + 8 * low + r, 2 * step + high));
        }
#pragma unroll
        for (int j = 0; j < ni / 2; j++) {
            uint32_t f[4];
            if (transposed) matrices<true>(f, b + Across<n>::at(16 * step + 8 * low + r, column / 8 + 2 * j + high));
            else matrices<false>(f, b + Along<depth>::at(column + 16 * j + 8 * high + r, 2 * step + low));
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

// each visits the sums of a warp's tile in pairs: their line, their column, and the two.
template <int mi, int ni, class Visit>
DEVICE void each(const float (&sum)[mi][ni][4], int line, int column, Visit visit) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < mi; i++)
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int j = 0; j < ni; j++)
                visit(line + 16 * i + 8 * half + lane / 4, column + 8 * j + lane % 4 * 2, sum[i][j][2 * half],
                      sum[i][j][2 * half + 1]);
}

template <int m, int n, int depth, int stages, int wm, int wn>
DEVICE void forward(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, const Conv &c) {
    enum { threads = 32 * (m / wm) * (n / wn), size = (m + n) * depth };
    DYNAMIC_SHARED(uint4, shared);
    bf16 *const slices = (bf16 *)shared;
    const int group = blockIdx.z, first = blockIdx.x * m, map = blockIdx.y * n;
    const int warp = threadIdx.x / 32, line = warp / (n / wn) * wm, column = warp % (n / wn) * wn;
    Forward<m, n, depth, threads, Along<depth>> copies(c, x, w, group, first, map);
    float sum[wm / 16][wn / 8][4] = {};
    pipeline<stages>((c.length() + depth - 1) / depth,
                     [&](int slot, int) { copies.load(slices + slot * size, slices + slot * size + m * depth); },
                     [&](int slot) {
                         const bf16 *const a = slices + slot * size;
                         multiply<depth, wm / 16, wn / 8, m, n, false>(sum, a, a + m * depth, line, column);
                     });
    each(sum, first + line, map + column, [&](int place, int at, float low, float high) {
        if (place < c.places()) store_maps(y, bias, c, group, place, at, low, high);
    });
}

template <int m, int n, int depth, int stages, int wm, int wn>
DEVICE void grad_weight(float *parts, const bf16 *x, const bf16 *dz, const Conv &c, int splits) {
    enum { threads = 32 * (m / wm) * (n / wn), size = (m + n) * depth };
    DYNAMIC_SHARED(uint4, shared);
    bf16 *const slices = (bf16 *)shared;
    const int group = blockIdx.z / splits, split = blockIdx.z % splits, map = blockIdx.y * m, column = blockIdx.x * n;
    const int warp = threadIdx.x / 32, line = warp / (n / wn) * wm, right = warp % (n / wn) * wn;
    const Slices range = slices_of<depth>(c, split, splits);
    Gradient<m, n, depth, threads, Across<m>, Across<n>> copies(c, x, dz, group, map, column);
    float sum[wm / 16][wn / 8][4] = {};
    pipeline<stages>(
        range.end - range.begin,
        [&](int slot, int s) {
            copies.load(slices + slot * size, slices + slot * size + m * depth, (range.begin + s) * depth);
        },
        [&](int slot) {
            const bf16 *const a = slices + slot * size;
            multiply<depth, wm / 16, wn / 8, m, n, true>(sum, a, a + m * depth, line, right);
        });
    float *const part = parts + (int64_t)(split * c.groups + group) * c.maps * c.length();
    each(sum, map + line, column + right, [&](int at, int in, float low, float high) {
        if (at < c.maps) store_part(part, c, at, in, low, high);
    });
}

#define VARIANT(name, m, n, depth, stages, wm, wn, blocks)                                                             \
    extern "C" __global__ void __launch_bounds__(32 * (m / wm) * (n / wn), blocks)                                     \
        conv2d_nhwc_##name(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, CONV) {                           \
        forward<m, n, depth, stages, wm, wn>(y, x, w, bias, CONV_OF);                                                  \
    }
#define GRADIENT(name, m, n, depth, stages, wm, wn, blocks)                                                            \
    extern "C" __global__ void __launch_bounds__(32 * (m / wm) * (n / wn), blocks)                                     \
        conv2d_nhwc_grad_weight_##name(float *parts, const bf16 *x, const bf16 *dz, CONV, int splits) {                \
        grad_weight<m, n, depth, stages, wm, wn>(parts, x, dz, CONV_OF, splits);                                       \
    }

// name: tile of places by maps (of maps by columns), depth, stages, and the warp's tile
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
