// softmax.cu: softmax, its mean cross entropy, the gradient, and the share of wrong answers; formulas in engine/op/softmax.go.
// Layout   z, p: [batch, classes] f32; labels: int32 [batch]; loss, dloss: 1; dz: [batch, classes] f32 or bf16; y: 2
// Launch   softmax and gradient: a block of 128 a row. loss and top_errors: one block of 256, whose warps take rows in turn
// Moves    reads z once from memory (a row stays in the cache) and writes p or dz: 128 x 1000 is 0.5 MB each way. What these
//          take is a launch, not bandwidth: about 3 us
// Order    a row's sum is a tree over the lanes, the loss a sum of warps' sums in double, both the same in every run
// Twin     engine/backend/reference/softmax.go
#include "device.h"

enum { row_threads = 128, all_threads = 256, warps_of_all = all_threads / 32 };

// A NaN stays one: it is no label's fault that it would win or lose a comparison.
DEVICE float larger(float a, float b) { return a != a ? a : (b > a || b != b ? b : a); }

DEVICE float warp_largest(float x) {
#pragma unroll
    for (int d = 16; d > 0; d /= 2) x = larger(x, __shfl_xor_sync(0xffffffffu, x, d));
    return x;
}

DEVICE float warp_sum(float x) {
#pragma unroll
    for (int d = 16; d > 0; d /= 2) x += __shfl_xor_sync(0xffffffffu, x, d);
    return x;
}

DEVICE int warp_count(int x) {
#pragma unroll
    for (int d = 16; d > 0; d /= 2) x += __shfl_xor_sync(0xffffffffu, x, d);
    return x;
}

// Row is what normalises a row: p = exp(z - largest) / sum.
struct Row {
    float largest, sum;
};

// row_of is a block's work on one row.
DEVICE Row row_of(const float *z, int classes) {
    __shared__ float largest[row_threads / 32], sums[row_threads / 32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    float m = z[0], s = 0.f;
    for (int k = threadIdx.x; k < classes; k += row_threads) m = larger(m, z[k]);
    m = warp_largest(m);
    if (lane == 0) largest[warp] = m;
    __syncthreads();
    for (int i = 0; i < row_threads / 32; i++) m = larger(m, largest[i]);
    for (int k = threadIdx.x; k < classes; k += row_threads) s += expf(z[k] - m);
    s = warp_sum(s);
    if (lane == 0) sums[warp] = s;
    __syncthreads();
    s = 0.f;
    for (int i = 0; i < row_threads / 32; i++) s += sums[i];
    Row r = {m, s};
    return r;
}

KERNEL(128) softmax_forward(float *p, const float *z, int classes) {
    const int64_t at = (int64_t)blockIdx.x * classes;
    const Row row = row_of(z + at, classes);
    for (int k = threadIdx.x; k < classes; k += row_threads) p[at + k] = expf(z[at + k] - row.largest) / row.sum;
}

template <class T> DEVICE void loss_gradient(T *dz, const float *z, const int32_t *labels, const float *dloss, int batch, int classes) {
    const int64_t at = (int64_t)blockIdx.x * classes;
    const Row row = row_of(z + at, classes);
    const int label = labels[blockIdx.x];
    const float factor = *dloss / batch;
    for (int k = threadIdx.x; k < classes; k += row_threads) {
        const float p = expf(z[at + k] - row.largest) / row.sum;
        store(dz + at + k, factor * (k == label ? p - 1.f : p));
    }
}

KERNEL(128) softmax_loss_backward_f32(float *dz, const float *z, const int32_t *labels, const float *dloss, int batch, int classes) {
    loss_gradient(dz, z, labels, dloss, batch, classes);
}
KERNEL(128) softmax_loss_backward_bf16(bf16 *dz, const float *z, const int32_t *labels, const float *dloss, int batch, int classes) {
    loss_gradient(dz, z, labels, dloss, batch, classes);
}

// row_loss is -log p[label], by one warp; NaN where the label is no class.
DEVICE double row_loss(const float *z, int label, int classes) {
    const int lane = threadIdx.x & 31;
    float m = z[0], s = 0.f;
    for (int k = lane; k < classes; k += 32) m = larger(m, z[k]);
    m = warp_largest(m);
    for (int k = lane; k < classes; k += 32) s += expf(z[k] - m);
    s = warp_sum(s);
    if (label < 0 || label >= classes) return (double)bits_float(0x7fc00000u);
    return (double)logf(s) - ((double)z[label] - (double)m);
}

KERNEL(256) softmax_loss_forward(float *loss, const float *z, const int32_t *labels, int batch, int classes) {
    __shared__ double sums[warps_of_all];
    const int warp = threadIdx.x >> 5;
    double sum = 0;
    for (int n = warp; n < batch; n += warps_of_all) sum += row_loss(z + (int64_t)n * classes, labels[n], classes);
    if ((threadIdx.x & 31) == 0) sums[warp] = sum;
    __syncthreads();
    if (threadIdx.x > 0) return;
    for (int i = 1; i < warps_of_all; i++) sum += sums[i];
    *loss = (float)(sum / batch);
}

// rank_of is how many classes come before the label, by one warp: those with a larger z, those before it with an equal
// one, and those that a NaN leaves open. A label that is no class comes last, and fifth at least.
DEVICE int rank_of(const float *z, int label, int classes) {
    if (label < 0 || label >= classes) return classes > 5 ? classes : 5;
    const float own = z[label];
    int before = 0;
    for (int k = threadIdx.x & 31; k < classes; k += 32)
        if (k != label && (!(z[k] <= own) || (z[k] == own && k < label))) before++;
    return warp_count(before);
}

KERNEL(256) top_errors_forward(float *y, const float *z, const int32_t *labels, int batch, int classes) {
    __shared__ int wrong[2][warps_of_all];
    const int warp = threadIdx.x >> 5;
    int first = 0, fifth = 0;
    for (int n = warp; n < batch; n += warps_of_all) {
        const int rank = rank_of(z + (int64_t)n * classes, labels[n], classes);
        first += rank >= 1;
        fifth += rank >= 5;
    }
    if ((threadIdx.x & 31) == 0) {
        wrong[0][warp] = first;
        wrong[1][warp] = fifth;
    }
    __syncthreads();
    if (threadIdx.x > 1) return;
    int sum = 0;
    for (int i = 0; i < warps_of_all; i++) sum += wrong[threadIdx.x][i];
    y[threadIdx.x] = (float)((double)sum / batch);
}
