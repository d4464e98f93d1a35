// sgd.cu: stochastic gradient descent with momentum and weight decay, and the gradient's peak; formulas in
// engine/op/sgd.go.
// Layout   w, v, g: n elements, f32, in place; copy: the same in bf16, or null; rate: 1; peak: 1, zero before, or null
// Launch   block 256, a thread for four elements at a time, striding over at most 2048 blocks, so that the peak takes
//          few atomics
// Moves    reads w, v, g and writes w, v: 20 bytes an element (22 with the copy), 7 operations. AlexNet's 61 M
//          parameters on two GPUs are 30.5 M each: 610 MB, 0.18 ms at an H100's 3.35 TB/s
// Order    the peak is the largest of integers, whatever the order of the atomics: the bits of magnitudes are in their
//          order, and a NaN's are above all
// Twin     engine/backend/reference/sgd.go
#include "elementwise.h"
#include "reduce.h"

enum { update_threads = 256 };

struct Update {
    float momentum, decay, step; // step is the rate times its multiplier
};

DEVICE float velocity(const Update &u, float w, float v, float g) {
    return u.momentum * v - u.step * (g + u.decay * w);
}

DEVICE uint32_t magnitude(float g) { return float_bits(g) & 0x7fffffffu; }

// raise writes the largest of a block's threads' magnitudes.
DEVICE void raise(float *peak, uint32_t largest) {
    largest = block_largest<update_threads>(largest);
    if (threadIdx.x == 0 && largest > 0) atomicMax((uint32_t *)peak, largest);
}

KERNEL(update_threads)
sgd_update(float *w, float *v, const float *g, const float *rate, bf16 *copy, float *peak, float momentum, float decay,
           float rate_factor, int64_t n) {
    const Update u = {momentum, decay, *rate * rate_factor};
    const bool whole = aligned(w, 16) && aligned(v, 16) && aligned(g, 16) && aligned(copy, 8);
    const int64_t fours = whole ? n / 4 : 0, step = threads_of_grid();
    uint32_t largest = 0;
    for (int64_t i = thread_of_grid(); i < fours; i += step) {
        Four weight = load4(w + 4 * i), moved = load4(v + 4 * i);
        const Four gradient = load4(g + 4 * i);
#pragma unroll
        for (int k = 0; k < 4; k++) {
            largest = max(largest, magnitude(gradient.v[k]));
            moved.v[k] = velocity(u, weight.v[k], moved.v[k], gradient.v[k]);
            weight.v[k] += moved.v[k];
        }
        store4(v + 4 * i, moved);
        store4(w + 4 * i, weight);
        if (copy) store4(copy + 4 * i, weight);
    }
    for (int64_t i = 4 * fours + thread_of_grid(); i < n; i += step) {
        largest = max(largest, magnitude(g[i]));
        v[i] = velocity(u, w[i], v[i], g[i]);
        w[i] += v[i];
        if (copy) store(copy + i, w[i]);
    }
    if (peak) raise(peak, largest);
}
