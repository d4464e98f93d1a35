// sgd.cu: stochastic gradient descent with momentum and weight decay, and the gradient's peak, of many parameters at
// once; formulas in engine/op/sgd.go.
// Layout   a row a parameter. w, v, g: n elements, f32, w and v in place; copy: w in bf16, or null; peak: 1, or null;
//          rate: 1. w, v, g at multiples of 16 bytes, copy of 8
// Launch   block 256, 4 on a multiprocessor, striding over pieces of 2048 elements (rows.h)
// Moves    reads w, v, g and writes w, v: 20 bytes an element (22 with the copy), 7 operations. AlexNet's 61 M
//          parameters: 1.34 GB, 0.40 ms at an H100's 3.35 TB/s
// Order    the peak is the largest of integers, whatever the order of the atomics: the bits of magnitudes are in their
//          order, and a NaN's are above all. The blocks gather it in the table; the last one to finish takes it from
//          there and leaves 0, so that nothing need be cleared before
// Twin     engine/backend/reference/sgd.go
#include "reduce.h"
#include "rows.h"

struct Update {
    float momentum, decay, step; // step is the rate times its multiplier
};

struct Parameter {
    Begin is;
    float *w, *v;
    const float *g, *rate;
    bf16 *copy;
    float *peak;
    Number momentum, decay, rate_factor;
    uint32_t largest; // magnitude so far; 0 between launches
    uint32_t done;    // in row 0: blocks that have finished; 0 between launches
};
AGREED(sgd_update_row, sizeof(Parameter))

DEVICE float velocity(const Update &u, float w, float v, float g) {
    return u.momentum * v - u.step * (g + u.decay * w);
}

DEVICE uint32_t magnitude(float g) { return float_bits(g) & 0x7fffffffu; }

// update does a piece of a parameter and returns the largest magnitude of the thread's gradients.
DEVICE uint32_t update(const Parameter &p, int64_t first) {
    const Update u = {p.momentum.is, p.decay.is, *p.rate * p.rate_factor.is};
    float *const w = p.w, *const v = p.v;
    const float *const g = p.g;
    bf16 *const copy = p.copy;
    const int64_t n = p.is.n;
    uint32_t largest = 0;
    Four weight[piece_fours] = {}, moved[piece_fours] = {}, gradient[piece_fours] = {};
#pragma unroll
    for (int k = 0; k < piece_fours; k++) {
        const int64_t i = four_of(first, k);
        if (i + 4 > n) continue;
        weight[k] = stream4(w + i), moved[k] = stream4(v + i), gradient[k] = stream4(g + i);
    }
#pragma unroll
    for (int k = 0; k < piece_fours; k++) {
        const int64_t i = four_of(first, k);
        if (i + 4 > n) continue;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            largest = max(largest, magnitude(gradient[k].v[j]));
            moved[k].v[j] = velocity(u, weight[k].v[j], moved[k].v[j], gradient[k].v[j]);
            weight[k].v[j] += moved[k].v[j];
        }
        stream4(v + i, moved[k]);
        stream4(w + i, weight[k]);
        if (copy) stream4(copy + i, weight[k]);
    }
    const int64_t i = rest_of(first, n);
    if (i < n) {
        largest = max(largest, magnitude(g[i]));
        v[i] = velocity(u, w[i], v[i], g[i]);
        w[i] += v[i];
        if (copy) store(copy + i, w[i]);
    }
    return largest;
}

// raise adds a block's threads' magnitudes to a parameter's.
DEVICE void raise(Parameter *p, uint32_t largest) {
    if (!p->peak) return;
    largest = block_largest<row_threads>(largest);
    if (threadIdx.x == 0 && largest > 0) atomicMax(&p->largest, largest);
    __syncthreads(); // before the next fold
}

// finish writes the peaks, in the last block to come here.
DEVICE void finish(Parameter *rows, int count) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
        __threadfence(); // what this block raised is seen before it is counted
        last = atomicInc(&rows->done, gridDim.x - 1) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    if (!last) return;
    for (int at = threadIdx.x; at < count; at += row_threads) {
        if (rows[at].peak) *rows[at].peak = bits_float(atomicExch(&rows[at].largest, 0u));
    }
}

KERNEL_OF_ROWS sgd_update(Parameter *rows, int32_t count, int64_t pieces) {
    uint32_t largest = 0;
    int at = 0;
    for (int64_t piece = blockIdx.x; piece < pieces; piece += gridDim.x) {
        const int next = row_of(rows, at, piece);
        if (next != at) {
            raise(rows + at, largest);
            at = next, largest = 0;
        }
        largest = max(largest, update(rows[at], first_of(rows, at, piece)));
    }
    raise(rows + at, largest);
    finish(rows, count);
}
