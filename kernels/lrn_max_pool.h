// lrn_max_pool.h: local response normalisation with the max pooling of its result, and their gradient, for
// lrn_max_pool.cu and lrn_max_pool_paper.cu; formulas in engine/op/lrn_max_pool.go.
#pragma once

#include "lrn.h"
#include "max_pool.h"

// LRNMaxPool is both of channels-last tensors. lrn_max_pool.go has its twin.
struct LRNMaxPool {
    Normalisation f;
    int n;                       // the window of channels
    Pool p;                      // pieces is not used, columns are the input's
    FastDivisor group;           // by the channels of a group
    FastDivisor tiles, across;   // forward: by the tiles of an image, and of a row of them
    int tile_height, tile_width; // forward: outputs of a tile
    int halo, span, relu;        // backward: threads at both ends of a row of a block for what their neighbours
                                 // need; places of a thread; whether a rectifier's gradient is part of it
};

// Powers are s^-beta and 1/s.
struct Powers {
    float power, inverse;
};

// in_group is which channel of its group a channel is.
DEVICE int in_group(const LRNMaxPool &q, int channel) {
    return channel - (int)(quotient(channel, q.group) * q.group.divisor);
}

// powers_of are those of any s, or, if known, of an s that is no subnormal, with a beta of 3/4: by the hardware's
// approximations, whose errors are within 2^-22.
template <bool known> DEVICE Powers powers_of(float s, float beta) {
    if (!known) return Powers{power(s, beta), 1.f / s};
#ifdef __CUDACC__
    float r, root;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(s));
    asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(root) : "f"(r));
#else
    const float r = rsqrtf(s), root = sqrtf(r);
#endif
    return Powers{r * root, r * r};
}

// Corner is a block's tile: an image's outputs from (row, column) on.
struct Corner {
    int image, row, column;
};

DEVICE Corner corner_of(const LRNMaxPool &q, int tile_height, int tile_width) {
    const uint32_t image = quotient(blockIdx.x, q.tiles), tile = blockIdx.x - image * q.tiles.divisor;
    const uint32_t row = quotient(tile, q.across);
    return Corner{(int)image, (int)row * tile_height, (int)(tile - row * q.across.divisor) * tile_width};
}

// keep puts a thread's values into shared memory, four side by side, and the next four `behind` fours further, so that
// neighbours write to neighbours.
template <int lanes> DEVICE void keep(float *kept, int at, int behind, const float *v) {
    if (lanes == 1) kept[at] = v[0];
#pragma unroll
    for (int i = 0; i < lanes / 4; i++)
        ((float4 *)kept)[at + i * behind] = make_float4(v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]);
}

template <int lanes> DEVICE void kept_at(float *v, const float *kept, int at, int behind) {
    if (lanes == 1) v[0] = kept[at];
#pragma unroll
    for (int i = 0; i < lanes / 4; i++) {
        const float4 q = ((const float4 *)kept)[at + i * behind];
        v[4 * i] = q.x, v[4 * i + 1] = q.y, v[4 * i + 2] = q.z, v[4 * i + 3] = q.w;
    }
}

// backward: a thread has lanes of `span` places, one row of the block's threads after the other. It gathers a place's
// gradient from the at most four windows that hold it, and computes s again, which costs less than keeping it. What
// neighbours in the window need of each other goes through shared memory: `cells` of each thread, twice, so that one
// barrier a place is enough. known says that the pooling is the paper's and beta 3/4.
template <bool known, int n, int lanes, class T>
DEVICE void backward(T *RESTRICT dx, const T *RESTRICT x, const uint8_t *RESTRICT argmax, const T *RESTRICT dy,
                     const LRNMaxPool &q, float *kept) {
    enum { half = n / 2, cells = 2 * half < lanes ? 2 * half : lanes };
    const Pool &p = q.p;
    const int kernel = known ? 3 : p.kernel, stride = known ? 2 : p.stride, pad = known ? 0 : p.pad;
    const int threads = blockDim.x * blockDim.y, thread = threadIdx.y * blockDim.x + threadIdx.x;
    const int inner = blockDim.x - 2 * q.halo, own = threadIdx.x - q.halo, channel = (blockIdx.y * inner + own) * lanes;
    const bool computes = channel >= 0 && channel < p.channels, writes = computes && own >= 0 && own < inner;
    const int first = computes ? in_group(q, channel) : 0, group = (int)q.group.divisor;
    const float factor = 2.f * q.f.alpha * q.f.beta;
    const int places = p.images * p.height * p.width;
    int place = blockIdx.x * q.span * blockDim.y + threadIdx.y, row = quotient(place, p.columns);
    int image = row / p.height, h = row - image * p.height, w = place - row * p.width;
    for (int k = 0; k < q.span; k++) {
        const bool there = place < places;
        float *cell = kept + (k & 1) * cells * threads + thread;
        float v[lanes] = {}, direct[lanes] = {}, shared[lanes] = {};
        if (there && computes) {
            const int64_t from = out_image(p, image) + channel;
            Around<T, half, lanes> around;
            around.read(x + (int64_t)place * p.channels + channel, first, group);
            // the windows (i, j), (i, j-1), (i-1, j), (i-1, j-1), of which the place is (u, v) in the first
            const int i = (h + pad) / stride, j = (w + pad) / stride, u = h + pad - i * stride,
                      v0 = w + pad - j * stride;
            const bool below = i < p.out_height && u < kernel, right = j < p.out_width && v0 < kernel;
            const bool above = i > 0 && i <= p.out_height && u + stride < kernel;
            const bool left = j > 0 && j <= p.out_width && v0 + stride < kernel;
            const int at = (i * p.out_width + j) * p.channels, won = u * kernel + v0;
            Window<T, lanes> windows[4]; // all loads first
            windows[0].read(dy + from, argmax + from, at, below && right);
            windows[1].read(dy + from, argmax + from, at - p.channels, below && left);
            windows[2].read(dy + from, argmax + from, at - p.out_width * p.channels, above && right);
            windows[3].read(dy + from, argmax + from, at - (p.out_width + 1) * p.channels, above && left);
            float gradient[lanes] = {}, xs[around.count], scale[lanes];
            if (below && right) windows[0].gather(gradient, won);
            if (below && left) windows[1].gather(gradient, won + stride);
            if (above && right) windows[2].gather(gradient, won + stride * kernel);
            if (above && left) windows[3].gather(gradient, won + stride * kernel + stride);
            around.unpack(xs);
            scales_of<n, lanes>(scale, xs, q.f);
#pragma unroll
            for (int i = 0; i < lanes; i++) {
                const Powers s = powers_of<known>(scale[i], q.f.beta);
                v[i] = xs[half + i];
                direct[i] = gradient[i] * s.power;
                shared[i] = direct[i] * v[i] * s.inverse;
                if (i < half) cell[i * threads] = shared[i];
                else if (i >= lanes - half) cell[(cells - lanes + i) * threads] = shared[i];
            }
        }
        __syncthreads();
        if (there && writes) {
            float around[lanes + 2 * half], sums[lanes], d[lanes];
#pragma unroll
            for (int i = 0; i < half; i++) {
                const int left = half - i, behind = lanes + i; // how far before the first lane, and behind it
                const bool before = first >= left, after = first + behind < group;
                around[i] = !before ? 0.f : lanes == 1 ? cell[-left] : cell[(cells - left) * threads - 1];
                around[half + behind] = !after ? 0.f : lanes == 1 ? cell[behind] : cell[i * threads + 1];
            }
#pragma unroll
            for (int i = 0; i < lanes; i++) around[half + i] = shared[i];
            window_sums<n, lanes, false>(sums, around);
#pragma unroll
            for (int i = 0; i < lanes; i++) d[i] = q.relu && !(v[i] > 0.f) ? 0.f : direct[i] - factor * v[i] * sums[i];
            put<lanes>(dx + (int64_t)place * p.channels + channel, d);
        }
        place += blockDim.y;
        for (w += blockDim.y; w >= p.width; w -= p.width)
            if (++h == p.height) h = 0, image++;
    }
}
