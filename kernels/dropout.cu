// dropout.cu: dropout, whose mask is a function of the counters alone; formula in engine/op/dropout.go.
// Layout   x, y: [batch, features]; y may be x's memory; counters: seed (low, high), step, 0; rectified: null, or, of
//          the gradient, the output of a rectifier before, [batch, features]: y is 0 where that is not above 0
// Launch   block 256 over a row's blocks of four words, rows along y
// Moves    reads and writes batch*features elements; the generator takes about 70 integer operations for four of them,
//          and four are one access where a row begins with a block's first word. fc6's and fc7's 128 x 4096 in f32 are
//          4.2 MB each, 1.3 us at an H100's 3.35 TB/s, and 10 M operations, 0.6 us at its 16.7 T a second
// Twin     engine/backend/reference/dropout.go
#include "elementwise.h"
#include "philox.h"

// Row is one row's part of the stream: words begin to end, for features 0 and on.
struct Row {
    uint64_t begin, end;
    bool whole; // every block of four words is four aligned features
};

DEVICE float kept(uint32_t word, uint32_t threshold, float factor) { return word < threshold ? 0.f : factor; }

// mask does one block of four words, of which the first and last of a row may belong to other features.
template <class T>
DEVICE void mask(T *y, const T *x, const T *rectified, const Row &row, uint64_t block, const Words &words,
                 uint32_t threshold, float factor) {
    if (row.whole) {
        const uint64_t f = 4 * block - row.begin;
        Four a = load4(x + f);
#pragma unroll
        for (int k = 0; k < 4; k++) a.v[k] *= kept(words.w[k], threshold, factor);
        if (rectified) {
            const Four r = load4(rectified + f);
#pragma unroll
            for (int k = 0; k < 4; k++) a.v[k] = r.v[k] > 0.f ? a.v[k] : 0.f;
        }
        store4(y + f, a);
        return;
    }
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const uint64_t word = 4 * block + k;
        if (word < row.begin || word >= row.end) continue;
        const uint64_t f = word - row.begin;
        const bool passes = !rectified || load(rectified + f) > 0.f;
        store(y + f, passes ? load(x + f) * kept(words.w[k], threshold, factor) : 0.f);
    }
}

// Word n*width + first + f of the stream decides over feature f of row n.
template <class T>
DEVICE void dropout(T *y, const T *x, const T *rectified, const uint32_t *counters, int batch, int features,
                    uint64_t width, uint64_t first, uint32_t threshold, uint32_t tag, float factor) {
    const uint32_t key0 = counters[0], key1 = counters[1], step = counters[2];
    for (int n = blockIdx.y; n < batch; n += gridDim.y) {
        T *to = y + (int64_t)n * features;
        const T *from = x + (int64_t)n * features, *over = rectified ? rectified + (int64_t)n * features : 0;
        Row row;
        row.begin = n * width + first;
        row.end = row.begin + features;
        row.whole = row.begin % 4 == 0 && features % 4 == 0 && aligned(to, 4 * sizeof(T)) &&
                    aligned(from, 4 * sizeof(T)) && aligned(over, 4 * sizeof(T));
        for (uint64_t block = row.begin / 4 + thread_of_grid(); 4 * block < row.end; block += threads_of_grid())
            mask(to, from, over, row, block, philox(block, step, tag, key0, key1), threshold, factor);
    }
}

KERNEL(256)
dropout_forward_f32(float *y, const float *x, const float *rectified, const uint32_t *counters, int batch, int features,
                    uint64_t width, uint64_t first, uint32_t threshold, uint32_t tag, float factor) {
    dropout(y, x, rectified, counters, batch, features, width, first, threshold, tag, factor);
}
KERNEL(256)
dropout_forward_bf16(bf16 *y, const bf16 *x, const bf16 *rectified, const uint32_t *counters, int batch, int features,
                     uint64_t width, uint64_t first, uint32_t threshold, uint32_t tag, float factor) {
    dropout(y, x, rectified, counters, batch, features, width, first, threshold, tag, factor);
}
