// lrn_max_pool_nhwc.cu: normalisation of a window of 5 channels with max pooling of 3x3 at stride 2, of channels-last
// bf16 tensors, forward in three forms, and the gradient of both, of a rectifier before them and of the bias before
// that; to be measured: kernels/lab/README.md. Formulas are in engine/op/lrn_max_pool.go.
// Arch compute_80
// Layout   x, dx: [N,H,W,groups*C]; y, dy, argmax (uint8): [N,OH,OW,groups*C]; parts: [blocks,groups*C] f32. C is a
//          multiple of 8
// Launch   a thread has a chunk of eight channels, 16 bytes.
//          lrn_max_pool_strip_N: blocks of 128 over images * OH * ceil(OW/N) * chunks; N outputs of a row each
//          lrn_max_pool_tile_PxQ: blocks of `slab` by `rows` threads, 256 at most, tiles of PxQ outputs along x, images
//          along y, slabs of chunks along z; dynamic shared memory: (2P+1)*(2Q+1) * slab * 32 bytes
//          lrn_max_pool_grad: blocks of `chunks` by `rows` threads, 256 at most, each `span` places after another;
//          dynamic shared memory: rows * groups * (C+4) * 4 bytes
#include "lrn.h"

// root is 1/sqrt(s) of an s that is no subnormal.
DEVICE float root(float s) {
#ifdef __CUDACC__
    float r;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(s));
    return r;
#else
    return rsqrtf(s);
#endif
}

// inverse is 1/sqrt(s) and s^-0.75 of it.
struct Inverse {
    float root, power;
};
DEVICE Inverse inverse(float s) {
    const float r = root(s);
    return Inverse{r, r * r * root(r)};
}

struct Pool {
    int images, height, width, chunks, group_chunks, out_height, out_width;
};

union Eight {
    uint4 all;
    uint32_t pair[4];
};
DEVICE float low(uint32_t two) { return bits_float(two << 16); }
DEVICE float high(uint32_t two) { return bits_float(two & 0xffff0000u); }
DEVICE uint32_t two(float a, float b) {
#ifdef __CUDACC__
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(b), "f"(a));
    return r;
#else
    return rounded(a).bits | (uint32_t)rounded(b).bits << 16;
#endif
}
DEVICE uint4 eight(const float (&v)[8]) {
    return make_uint4(two(v[0], v[1]), two(v[2], v[3]), two(v[4], v[5]), two(v[6], v[7]));
}
DEVICE void unpack(float *v, const uint4 &from) {
    Eight e;
    e.all = from;
#pragma unroll
    for (int i = 0; i < 4; i++) v[2 * i] = low(e.pair[i]), v[2 * i + 1] = high(e.pair[i]);
}

// Window is a chunk's channels with two to each side, which are 0 outside of the group.
struct Window {
    float x[12], s[8]; // s: the formula's
    DEVICE_MEMBER void read(const bf16 *from, bool first, bool last, const Normalisation &f) {
        const uint4 own = *(const uint4 *)from;
        const uint32_t before = first ? 0 : *(const uint32_t *)(from - 2),
                       behind = last ? 0 : *(const uint32_t *)(from + 8);
        unpack(x + 2, own);
        x[0] = low(before), x[1] = high(before), x[10] = low(behind), x[11] = high(behind);
        float squares[12];
#pragma unroll
        for (int i = 0; i < 12; i++) squares[i] = x[i] * x[i];
#pragma unroll
        for (int i = 0; i < 8; i++)
            s[i] = f.k + f.alpha * (squares[i] + squares[i + 1] + squares[i + 2] + squares[i + 3] + squares[i + 4]);
    }
};

// Best is the largest of each channel so far, the first of equals, and where it was. NaN is not looked for.
struct Best {
    float value[8];
    uint32_t at[8];
    DEVICE_MEMBER void take(const float (&v)[8], uint32_t place) {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const bool more = v[i] > value[i];
            value[i] = more ? v[i] : value[i], at[i] = more ? place : at[i];
        }
    }
    DEVICE_MEMBER void clear() {
#pragma unroll
        for (int i = 0; i < 8; i++) value[i] = -1e38f, at[i] = 0;
    }
    DEVICE_MEMBER void store(bf16 *y, uint8_t *argmax) const {
        *(uint4 *)y = eight(value);
        *(uint2 *)argmax =
            make_uint2(at[0] | at[1] << 8 | at[2] << 16 | at[3] << 24, at[4] | at[5] << 8 | at[6] << 16 | at[7] << 24);
    }
};

// strip: a thread walks `outputs` neighbours of a row, three rows of inputs at once, and keeps the column both have.
template <int outputs>
DEVICE void strip(bf16 *y, uint8_t *argmax, const bf16 *x, const Pool &p, const Normalisation &f) {
    const int across = (p.out_width + outputs - 1) / outputs;
    int number = blockIdx.x * blockDim.x + threadIdx.x;
    const int chunk = number % p.chunks;
    number /= p.chunks;
    const int begin = number % across * outputs;
    number /= across;
    const int row = number % p.out_height, image = number / p.out_height;
    if (image >= p.images) return;
    const bool first = chunk % p.group_chunks == 0, last = (chunk + 1) % p.group_chunks == 0;
    const int line = p.chunks * 8;
    const bf16 *from = x + ((int64_t)(image * p.height + 2 * row) * p.width + 2 * begin) * line + chunk * 8;
    const int64_t to = ((int64_t)(image * p.out_height + row) * p.out_width + begin) * line + chunk * 8;
    Best best;
    best.clear();
#pragma unroll 1
    for (int j = 0; j <= 2 * outputs; j++) {
        if (2 * begin + j >= p.width) break;
        float v[3][8];
#pragma unroll
        for (int u = 0; u < 3; u++) {
            Window w;
            w.read(from + (u * p.width + j) * line, first, last, f);
#pragma unroll
            for (int i = 0; i < 8; i++) v[u][i] = w.x[i + 2] * inverse(w.s[i]).power;
        }
        // the first of equals by rows, then columns: 3*u + place of the column
        const int place = j == 0 ? 0 : j % 2 == 0 ? 2 : 1;
#pragma unroll
        for (int u = 0; u < 3; u++) {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                const uint32_t at = 3 * u + place;
                const bool more = v[u][i] > best.value[i] || (v[u][i] == best.value[i] && at < best.at[i]);
                best.value[i] = more ? v[u][i] : best.value[i], best.at[i] = more ? at : best.at[i];
            }
        }
        if (place == 2) {
            const int q = j / 2 - 1;
            best.store(y + to + q * line, argmax + to + q * line);
            best.clear();
#pragma unroll
            for (int u = 0; u < 3; u++) best.take(v[u], 3 * u);
        }
    }
}

// tile: a block normalises the inputs of a tile into shared memory, then takes the maxima.
template <int rows, int columns>
DEVICE void tile(bf16 *y, uint8_t *argmax, const bf16 *x, const Pool &p, const Normalisation &f, float4 *kept) {
    enum { in_rows = 2 * rows + 1, in_columns = 2 * columns + 1 };
    const int across = (p.out_width + columns - 1) / columns, row = blockIdx.x / across * rows,
              column = blockIdx.x % across * columns, image = blockIdx.y, line = p.chunks * 8;
    const int slab = blockDim.x, chunk = blockIdx.z * slab + threadIdx.x, behind = in_rows * in_columns * slab;
    const bool first = chunk % p.group_chunks == 0, last = (chunk + 1) % p.group_chunks == 0;
    x += (int64_t)image * p.height * p.width * line + chunk * 8;
    for (int place = threadIdx.y; place < in_rows * in_columns; place += blockDim.y) {
        const int h = 2 * row + place / in_columns, w = 2 * column + place % in_columns;
        if (chunk >= p.chunks || h >= p.height || w >= p.width) continue;
        Window v;
        v.read(x + (h * p.width + w) * line, first, last, f);
        float normal[8];
#pragma unroll
        for (int i = 0; i < 8; i++) normal[i] = v.x[i + 2] * inverse(v.s[i]).power;
        const int at = place * slab + threadIdx.x; // halves apart, so that neighbours write neighbours
        kept[at] = make_float4(normal[0], normal[1], normal[2], normal[3]);
        kept[at + behind] = make_float4(normal[4], normal[5], normal[6], normal[7]);
    }
    __syncthreads();
    for (int place = threadIdx.y; place < rows * columns; place += blockDim.y) {
        const int i = place / columns, j = place % columns;
        if (chunk >= p.chunks || row + i >= p.out_height || column + j >= p.out_width) continue;
        Best best;
        best.clear();
#pragma unroll
        for (int u = 0; u < 3; u++)
#pragma unroll
            for (int v = 0; v < 3; v++) {
                const int at = ((2 * i + u) * in_columns + 2 * j + v) * slab + threadIdx.x;
                const float4 a = kept[at], b = kept[at + behind];
                const float values[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
                best.take(values, 3 * u + v);
            }
        const int64_t to = ((int64_t)(image * p.out_height + row + i) * p.out_width + column + j) * line + chunk * 8;
        best.store(y + to, argmax + to);
    }
}

// gather adds what a window gives to the places that won it.
DEVICE void gather(float (&sum)[8], const bf16 *dy, const uint8_t *argmax, uint32_t place) {
    float d[8];
    unpack(d, *(const uint4 *)dy);
    const uint2 won = *(const uint2 *)argmax;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const uint32_t at = (i < 4 ? won.x : won.y) >> i % 4 * 8 & 0xff;
        sum[i] += at == place ? d[i] : 0.f;
    }
}

DEVICE void backward(bf16 *dx, float *parts, const bf16 *x, const uint8_t *argmax, const bf16 *dy, const Pool &p,
                     const Normalisation &f, int span, float *kept) {
    const int chunk = threadIdx.x, line = p.chunks * 8, groups = p.chunks / p.group_chunks;
    const bool first = chunk % p.group_chunks == 0, last = (chunk + 1) % p.group_chunks == 0;
    const int padded = line + 4 * groups, own = threadIdx.y * padded + chunk * 8 + 4 * (chunk / p.group_chunks);
    const int places = p.images * p.height * p.width;
    const float factor = 2.f * f.alpha * f.beta;
    float bias[8] = {};
    if (first) kept[own] = kept[own + 1] = 0.f;
    if (last) kept[own + 10] = kept[own + 11] = 0.f;
    int place = blockIdx.x * span * blockDim.y + threadIdx.y, row = place / p.width, w = place - row * p.width;
    int image = row / p.height, h = row - image * p.height;
    for (int k = 0; k < span; k++) {
        const bool there = place < places;
        float direct[8], v[8];
        if (there) {
            const int64_t corner = (int64_t)image * p.out_height * p.out_width * line + chunk * 8;
            float g[8] = {};
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    const int oh = h / 2 - i, ow = w / 2 - j, u = h - 2 * oh, q = w - 2 * ow;
                    if (u > 2 || q > 2 || oh < 0 || ow < 0 || oh >= p.out_height || ow >= p.out_width) continue;
                    const int64_t at = corner + (oh * p.out_width + ow) * line;
                    gather(g, dy + at, argmax + at, 3 * u + q);
                }
            Window window;
            window.read(x + (int64_t)place * line + chunk * 8, first, last, f);
#pragma unroll
            for (int i = 0; i < 8; i++) {
                v[i] = window.x[i + 2];
                const Inverse r = inverse(window.s[i]);
                direct[i] = g[i] * r.power;
                kept[own + 2 + i] = direct[i] * v[i] * r.root * r.root;
            }
        }
        __syncthreads();
        if (there) {
            float shared[12], d[8];
#pragma unroll
            for (int i = 0; i < 12; i++) shared[i] = kept[own + i];
#pragma unroll
            for (int i = 0; i < 8; i++) {
                const float sum = shared[i] + shared[i + 1] + shared[i + 2] + shared[i + 3] + shared[i + 4];
                d[i] = v[i] > 0.f ? direct[i] - factor * v[i] * sum : 0.f;
                bias[i] += d[i];
            }
            *(uint4 *)(dx + (int64_t)place * line + chunk * 8) = eight(d);
        }
        place += blockDim.y;
        for (w += blockDim.y; w >= p.width; w -= p.width)
            if (++h == p.height) h = 0, image++;
        __syncthreads();
    }
    // the bias: rows of threads one after the other, so that the order is the same in every run
#pragma unroll
    for (int i = 0; i < 8; i++) kept[threadIdx.y * line + chunk * 8 + i] = bias[i];
    __syncthreads();
    for (int channel = threadIdx.y * blockDim.x + threadIdx.x; channel < line; channel += blockDim.x * blockDim.y) {
        float sum = 0.f;
        for (unsigned r = 0; r < blockDim.y; r++) sum += kept[r * line + channel];
        parts[(int64_t)blockIdx.x * line + channel] = sum;
    }
}

#define POOL int images, int height, int width, int chunks, int group_chunks, int out_height, int out_width
#define POOL_OF                                                                                                        \
    Pool { images, height, width, chunks, group_chunks, out_height, out_width }

#define STRIP(n)                                                                                                       \
    KERNEL(128) lrn_max_pool_strip_##n(bf16 *y, uint8_t *argmax, const bf16 *x, POOL, float k, float alpha) {          \
        strip<n>(y, argmax, x, POOL_OF, Normalisation{k, alpha, 0.75f});                                               \
    }
STRIP(1)
STRIP(2)
STRIP(3)
STRIP(5)
STRIP(9)

#define TILE(p, q)                                                                                                     \
    KERNEL(256) lrn_max_pool_tile_##p##x##q(bf16 *y, uint8_t *argmax, const bf16 *x, POOL, float k, float alpha) {     \
        DYNAMIC_SHARED(float4, halves);                                                                                \
        tile<p, q>(y, argmax, x, POOL_OF, Normalisation{k, alpha, 0.75f}, halves);                                     \
    }
TILE(2, 4)
TILE(3, 5)
TILE(4, 4)
TILE(4, 7)

KERNEL(256)
lrn_max_pool_grad(bf16 *dx, float *parts, const bf16 *x, const uint8_t *argmax, const bf16 *dy, POOL, float k,
                  float alpha, int span) {
    DYNAMIC_SHARED(float, kept);
    backward(dx, parts, x, argmax, dy, POOL_OF, Normalisation{k, alpha, 0.75f}, span, kept);
}

// bias_sum adds the parts of a channel: a block of 256 for each chunk of 8 channels, 32 parts at a time.
KERNEL(256) bias_sum(float *bias, const float *parts, int count, int channels) {
    __shared__ float kept[256];
    const int channel = blockIdx.x * 8 + threadIdx.x % 8;
    float sum = 0.f;
    for (int i = threadIdx.x / 8; i < count; i += 32) sum += parts[(int64_t)i * channels + channel];
    kept[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x >= 8) return;
    for (int i = 1; i < 32; i++) sum += kept[threadIdx.x + 8 * i];
    bias[channel] = sum;
}
