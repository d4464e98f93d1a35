// conv2d_wgmma.cu: conv2d_nhwc.cu's products by Hopper's own instructions: wgmma, whose operands both lie in shared memory, filled
// by cp.async. Not measured yet, and not checked: no card and no simulator has run it rightly launched (kernels/lab/README.md).
// Arch compute_90a
// Launch   as conv2d_nhwc.cu, blocks of m/64 warpgroups; nvcc 12 or later
#include "tensor.h"
#include "tile.h"
#include "wgmma.h"

struct Conv {
    int images, height, width, channels, groups, maps, out_height, out_width, kernel, pad;
    Divider image, row;

    DEVICE_MEMBER int places() const { return images * out_height * out_width; }
    DEVICE_MEMBER int length() const { return kernel * kernel * channels; }
};

enum { depth = 64 };

// descriptor of a matrix in shared memory, in atoms of eight lines of 128 bytes, swizzled: bytes between atoms along the
// contiguous dimension (lead) and along the other one (stride).
DEVICE uint64_t descriptor(const void *p, int lead, int stride) {
    return (uint64_t)((shared_address(p) & 0x3ffff) >> 4) | (uint64_t)(lead >> 4) << 16 | (uint64_t)(stride >> 4) << 32 | (uint64_t)1 << 62;
}
DEVICE void wgmma_begin() { asm volatile("wgmma.fence.sync.aligned;" : : : "memory"); }
DEVICE void wgmma_end() { asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory"); }
template <int groups> DEVICE void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(groups) : "memory"); }
DEVICE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" : : : "memory"); }

// line is where eight elements of a line lie, along k; cross where those of a k lie, in pieces of 64 of them.
DEVICE int line_offset(int line, int chunk) { return line * 64 + (chunk ^ (line & 7)) * 8; }
DEVICE int cross_offset(int k, int chunk) { return chunk / 8 * (64 * depth) + k * 64 + (chunk % 8 ^ (k & 7)) * 8; }

// pipeline: while the tensor cores work on one slice, the copies of stages-2 are under way, into the slices before the last one.
template <int stages, class Load, class Use> DEVICE void pipeline(int slices, Load load, Use use) {
#pragma unroll
    for (int s = 0; s < stages - 2; s++) {
        if (s < slices) load(s, s);
        copies_end();
    }
    int now = 0, free = stages - 2;
#pragma unroll 1
    for (int s = 0; s < slices; s++) {
        copies_wait<stages - 3>();
        fence_async();
        __syncthreads();
        wgmma_begin();
        use(now, s);
        wgmma_end();
        if (s + stages - 2 < slices) load(free, s + stages - 2);
        copies_end();
        wgmma_wait<1>();
        now = now + 1 < stages ? now + 1 : 0, free = free + 1 < stages ? free + 1 : 0;
    }
    wgmma_wait<0>();
}

template <int m, int n, int stages>
DEVICE void forward(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, const Conv &c) {
    enum { threads = 2 * m, chunks = depth / 8, rows = threads / chunks, pixels = m / rows, lines = (n + rows - 1) / rows };
    extern __shared__ __align__(1024) uint4 shared[];
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
    int u = 0, v = 0, channel = chunk;
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
        for (int i = 0; i < pixels; i++) {
            const bool there = within && (unsigned)(top[i] + u) < (unsigned)c.height && (unsigned)(left[i] + v) < (unsigned)c.width;
            copy16(a + line_offset(row + i * rows, chunk), there ? x + at[i] + step : x, there);
        }
#pragma unroll
        for (int i = 0; i < lines; i++)
            if (n % rows == 0 || row + i * rows < n) {
                const bool there = within && map + row + i * rows < c.maps;
                copy16(b + line_offset(row + i * rows, chunk), there ? weights + (int64_t)i * rows * length : w, there);
            }
        k += depth, weights += depth, channel += chunks;
        while (channel >= per) {
            channel -= per;
            if (++v == c.kernel) v = 0, u++;
        }
    };
    const int warpgroup = threadIdx.x / 128;
    float sum[n / 2] = {};
    pipeline<stages>((length + depth - 1) / depth, load, [&](int slot, int) {
        const bf16 *const a = slices + slot * (m + n) * depth, *const b = a + m * depth;
#pragma unroll
        for (int step = 0; step < depth / 16; step++)
            Wgmma<n, false>::run(sum, descriptor(a + warpgroup * 64 * depth + 16 * step, 16, 1024), descriptor(b + 16 * step, 16, 1024));
    });
    const int lane = threadIdx.x % 32, line = threadIdx.x / 32 * 16, out = c.groups * c.maps;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int place = first + line + 8 * half + lane / 4;
        if (place >= c.places()) continue;
#pragma unroll
        for (int j = 0; j < n / 8; j++) {
            const int at = map + 8 * j + lane % 4 * 2;
            if (at >= c.maps) continue;
            float low = sum[4 * j + 2 * half], high = sum[4 * j + 2 * half + 1];
            if (bias) {
                low += bias[group * c.maps + at], high += bias[group * c.maps + at + 1];
                low = low < 0 ? 0 : low, high = high < 0 ? 0 : high;
            }
            *(uint32_t *)(y + (int64_t)place * out + group * c.maps + at) = rounded(low).bits | (uint32_t)rounded(high).bits << 16;
        }
    }
}

template <int m, int n, int stages>
DEVICE void grad_weight(float *parts, const bf16 *x, const bf16 *dz, const Conv &c, int splits) {
    enum { threads = 2 * m, a_chunks = m / 8, a_rows = threads / a_chunks, a_copies = depth / a_rows, b_chunks = n / 8, b_rows = threads / b_chunks };
    enum { b_copies = (depth + b_rows - 1) / b_rows, b_threads = b_rows * b_chunks };
    extern __shared__ __align__(1024) uint4 shared[];
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
            copy16(a + cross_offset(k, a_chunk), there ? dz + (int64_t)(place + k) * out + group * c.maps + map + a_chunk * 8 : dz, there);
        }
#pragma unroll
        for (int i = 0; i < b_copies; i++) {
            const int k = b_row + i * b_rows, image = quotient(place + k, c.image), inside = place + k - image * c.out_height * c.out_width;
            if ((int)threadIdx.x >= b_threads || k >= depth) continue;
            const int p = quotient(inside, c.row), h = p + u, q = inside - p * c.out_width + v;
            const bool there = b_there && place + k < places && (unsigned)h < (unsigned)c.height && (unsigned)q < (unsigned)c.width;
            copy16(b + cross_offset(k, b_chunk), there ? x + (int64_t)((image * c.height + h) * c.width + q) * stride + channel : x, there);
        }
    };
    const int warpgroup = threadIdx.x / 128;
    float sum[n / 2] = {};
    pipeline<stages>(end - begin, load, [&](int slot, int) {
        const bf16 *const a = slices + slot * (m + n) * depth, *const b = a + m * depth;
#pragma unroll
        for (int step = 0; step < depth / 16; step++)
            Wgmma<n, true>::run(sum, descriptor(a + warpgroup * 64 * depth + 16 * step * 64, 128 * depth, 1024), descriptor(b + 16 * step * 64, 128 * depth, 1024));
    });
    const int lane = threadIdx.x % 32, line = threadIdx.x / 32 * 16;
    float *const to = parts + (int64_t)(split * c.groups + group) * c.maps * length;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int at = map + line + 8 * half + lane / 4;
        if (at >= c.maps) continue;
#pragma unroll
        for (int j = 0; j < n / 8; j++) {
            const int in = column + 8 * j + lane % 4 * 2;
            if (in < length) *(float2 *)(to + (int64_t)at * length + in) = make_float2(sum[4 * j + 2 * half], sum[4 * j + 2 * half + 1]);
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
#define VARIANT(m, n, stages, blocks)                                                                                                      \
    extern "C" __global__ void __launch_bounds__(2 * m, blocks)                                                                            \
        conv2d_wgmma_##m##x##n##_64_##stages##_64x##n(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, CONV) {                     \
        forward<m, n, stages>(y, x, w, bias, CONV_OF);                                                                                     \
    }
#define GRADIENT(m, n, stages, blocks)                                                                                                     \
    extern "C" __global__ void __launch_bounds__(2 * m, blocks)                                                                            \
        conv2d_wgmma_grad_weight_##m##x##n##_64_##stages##_64x##n(float *parts, const bf16 *x, const bf16 *dz, CONV, int splits) {          \
        grad_weight<m, n, stages>(parts, x, dz, CONV_OF, splits);                                                                          \
    }

VARIANT(128, 48, 4, 2)
VARIANT(256, 48, 4, 1)
VARIANT(128, 64, 4, 2)
VARIANT(128, 96, 4, 1)
VARIANT(256, 96, 4, 1)
VARIANT(128, 128, 4, 1)
VARIANT(128, 128, 3, 2)
VARIANT(256, 128, 4, 1)
VARIANT(128, 192, 4, 1)
VARIANT(192, 192, 4, 1)
VARIANT(128, 256, 4, 1)
GRADIENT(64, 128, 4, 2)
GRADIENT(64, 192, 4, 1)
GRADIENT(64, 256, 4, 1)
GRADIENT(128, 128, 4, 1)
GRADIENT(128, 128, 3, 2)
GRADIENT(128, 192, 4, 1)
GRADIENT(128, 256, 4, 1)
GRADIENT(192, 128, 4, 1)
GRADIENT(192, 256, 3, 1)
