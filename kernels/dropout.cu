// dropout.cu: dropout, whose mask is a function of the counters alone; formula in engine/op/dropout.go.
// Layout   x, y: [batch, features]; y may be x's memory; counters: seed (low, high), step, 0
// Launch   block 256 over a row's blocks of four words, rows along y
// Moves    reads and writes batch*features elements; the generator takes about 70 integer operations for four of them:
//          fc6's and fc7's 128 x 4096 take 4 MB each, 1.3 us at an H100's 3.35 TB/s
// Twin     engine/backend/reference/dropout.go
#include "elementwise.h"
#include "philox.h"

// Word n*width + first + f of the stream decides over feature f of row n.
template <class T>
DEVICE void dropout(T *y, const T *x, const uint32_t *counters, int batch, int features, uint64_t width, uint64_t first, uint32_t threshold,
                    uint32_t tag, float factor) {
    const uint32_t key0 = counters[0], key1 = counters[1], step = counters[2];
    for (int n = blockIdx.y; n < batch; n += gridDim.y) {
        const uint64_t begin = n * width + first, end = begin + features;
        T *to = y + (int64_t)n * features;
        const T *from = x + (int64_t)n * features;
        for (uint64_t block = begin / 4 + thread_of_grid(); 4 * block < end; block += threads_of_grid()) {
            const Words words = philox(block, step, tag, key0, key1);
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const uint64_t word = 4 * block + k;
                if (word < begin || word >= end) continue;
                const int f = (int)(word - begin);
                store(to + f, load(from + f) * (words.w[k] < threshold ? 0.f : factor));
            }
        }
    }
}

KERNEL(256) dropout_forward_f32(float *y, const float *x, const uint32_t *counters, int batch, int features, uint64_t width, uint64_t first,
                                uint32_t threshold, uint32_t tag, float factor) {
    dropout(y, x, counters, batch, features, width, first, threshold, tag, factor);
}
KERNEL(256) dropout_forward_bf16(bf16 *y, const bf16 *x, const uint32_t *counters, int batch, int features, uint64_t width, uint64_t first,
                                 uint32_t threshold, uint32_t tag, float factor) {
    dropout(y, x, counters, batch, features, width, first, threshold, tag, factor);
}
