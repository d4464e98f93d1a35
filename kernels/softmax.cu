// softmax.cu: softmax, its mean cross entropy, the gradient, and the share of wrong answers; formulas in
// engine/op/softmax.go.
// Layout   z: [batch, classes] f32 or bf16; p: [batch, classes] f32; labels: int32 [batch]; loss, dloss: 1; dz: [batch,
//          classes] f32 or bf16; y: 2;
//          losses (double) and ranks: [batch], scratch
// Launch   a block of 128 a row; then, for the loss and the errors, one block of 256 over the batch
// Moves    reads z once from memory (a row stays in the cache) and writes p or dz: 128 x 1000 is 0.5 MB each way, 0.15
//          us at an H100's 3.35 TB/s. What these take is their latency, two or three microseconds a launch
// Order    a row's sum and the batch's, in double, over elements that are a block apart, then as in reduce.h: the same
//          in every run
// Numbers  expf and logf are the accurate ones (2^-23 and less), the argument of expf is never above 0
// Twin     engine/backend/reference/softmax.go
#include "reduce.h"

enum { row_threads = 128, batch_threads = 256 };

// Row is what normalises a row: p = exp(z - largest) / sum.
struct Row {
    float largest, sum;
};

// row_of is a block's work on one row.
template <class Z> DEVICE Row row_of(const Z *z, int classes) {
    float m = load(z), s = 0.f;
    for (int k = threadIdx.x; k < classes; k += row_threads) m = larger(m, load(z + k));
    m = block_largest<row_threads>(m);
    for (int k = threadIdx.x; k < classes; k += row_threads) s += expf(load(z + k) - m);
    const Row r = {m, block_sum<row_threads>(s)};
    return r;
}

template <class Z> DEVICE void probabilities(float *p, const Z *z, int classes) {
    const int64_t at = (int64_t)blockIdx.x * classes;
    const Row row = row_of(z + at, classes);
    for (int k = threadIdx.x; k < classes; k += row_threads) p[at + k] = expf(load(z + at + k) - row.largest) / row.sum;
}

// Target is what a row should give: the label's class a share of its weight, and each class a share of its own. Without
// weights they are 1.
struct Target {
    const float *w;
    float label, all;
};

DEVICE float weight(const Target &t, int k) { return t.w ? t.w[k] : 1.f; }

template <class T, class Z>
DEVICE void loss_gradient(T *dz, const Z *z, const int32_t *labels, const float *dloss, const Target &t, int batch,
                          int classes) {
    const int64_t at = (int64_t)blockIdx.x * classes;
    const Row row = row_of(z + at, classes);
    const int label = labels[blockIdx.x];
    const float factor = *dloss / batch;
    float total = 0.f; // of the target
    if (t.all > 0.f) {
        for (int k = threadIdx.x; k < classes; k += row_threads) total += t.all * weight(t, k);
        __syncthreads(); // the row's own sum has been read
        total = block_sum<row_threads>(total);
    }
    if (label >= 0 && label < classes) total += t.label * weight(t, label);
    for (int k = threadIdx.x; k < classes; k += row_threads) {
        const float p = expf(load(z + at + k) - row.largest) / row.sum;
        const float target = (k == label ? t.label + t.all : t.all) * weight(t, k);
        store(dz + at + k, factor * (p * total - target));
    }
}

// losses is a row's sum of target * -log p; NaN where the label is no class.
template <class Z>
DEVICE void losses_of(double *losses, const Z *z, const int32_t *labels, const Target &t, int classes) {
    const Z *own = z + (int64_t)blockIdx.x * classes;
    const Row row = row_of(own, classes);
    const int label = labels[blockIdx.x];
    const bool known = label >= 0 && label < classes;
    const double log_sum = (double)logf(row.sum);
    double sum = 0;
    if (t.all > 0.f) {
        for (int k = threadIdx.x; k < classes; k += row_threads)
            sum += (double)(t.all * weight(t, k)) * (log_sum - ((double)load(own + k) - (double)row.largest));
        sum = block_sum<row_threads>(sum);
    }
    if (threadIdx.x > 0) return;
    if (known)
        sum += (double)(t.label * weight(t, label)) * (log_sum - ((double)load(own + label) - (double)row.largest));
    losses[blockIdx.x] = known ? sum : (double)bits_float(0x7fc00000u);
}

KERNEL(batch_threads) softmax_loss_forward(float *loss, const double *losses, int batch) {
    double sum = 0;
    for (int n = threadIdx.x; n < batch; n += batch_threads) sum += losses[n];
    sum = block_sum<batch_threads>(sum);
    if (threadIdx.x == 0) *loss = (float)(sum / batch);
}

// ranks is how many classes come before a row's label: those with a larger z, those before it with an equal one, and
// those that a NaN leaves open. A label that is no class comes last, and fifth at least.
template <class Z> DEVICE void ranks_of(int32_t *ranks, const Z *z, const int32_t *labels, int classes) {
    const Z *row = z + (int64_t)blockIdx.x * classes;
    const int label = labels[blockIdx.x];
    const bool known = label >= 0 && label < classes;
    const float own = known ? load(row + label) : 0.f;
    int before = 0;
    for (int k = threadIdx.x; k < classes; k += row_threads) {
        const float other = load(row + k);
        if (k != label && (!(other <= own) || (other == own && k < label))) before++;
    }
    before = block_sum<row_threads>(before);
    if (threadIdx.x == 0) ranks[blockIdx.x] = known ? before : max(classes, 5);
}

#define OF_SCORES(Z, name)                                                                                             \
    KERNEL(row_threads) softmax_forward_##name(float *p, const Z *z, int classes) { probabilities(p, z, classes); }    \
    KERNEL(row_threads)                                                                                                \
    softmax_loss_rows_##name(double *losses, const Z *z, const int32_t *labels, const float *w, int classes,           \
                             float label, float all) {                                                                 \
        const Target t = {w, label, all};                                                                              \
        losses_of(losses, z, labels, t, classes);                                                                      \
    }                                                                                                                  \
    KERNEL(row_threads) top_errors_rows_##name(int32_t *ranks, const Z *z, const int32_t *labels, int classes) {       \
        ranks_of(ranks, z, labels, classes);                                                                           \
    }

OF_SCORES(float, f32)
OF_SCORES(bf16, bf16)

#define LOSS_GRADIENT(Z, scores, T, name)                                                                              \
    KERNEL(row_threads)                                                                                                \
    softmax_loss_backward_##scores##_##name(T *dz, const Z *z, const int32_t *labels, const float *dloss,              \
                                            const float *w, int batch, int classes, float label, float all) {          \
        const Target t = {w, label, all};                                                                              \
        loss_gradient(dz, z, labels, dloss, t, batch, classes);                                                        \
    }

LOSS_GRADIENT(float, f32, float, f32)
LOSS_GRADIENT(float, f32, bf16, bf16)
LOSS_GRADIENT(bf16, bf16, bf16, bf16)

KERNEL(batch_threads) top_errors_forward(float *y, const int32_t *ranks, int batch) {
    int first = 0, fifth = 0;
    for (int n = threadIdx.x; n < batch; n += batch_threads) {
        first += ranks[n] >= 1;
        fifth += ranks[n] >= 5;
    }
    // Both counts at once: each takes half of a word of 64 bits.
    const int64_t both = block_sum<batch_threads>((int64_t)first << 32 | fifth);
    if (threadIdx.x > 0) return;
    y[0] = (float)((double)(both >> 32) / batch);
    y[1] = (float)((double)(both & 0xffffffff) / batch);
}
