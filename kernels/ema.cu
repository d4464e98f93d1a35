// ema.cu: the moving average of a parameter; formula in engine/op/ema.go.
// Layout   a, w: n elements, f32, a in place; copy: a in bf16, or null
// Launch   block 256, a thread for four elements at a time, striding over the grid
// Moves    reads a, w and writes a: 12 bytes an element (14 with the copy), 3 operations: bound by memory
// Twin     engine/backend/reference/ema.go
#include "elementwise.h"

KERNEL(256) ema_update(float *a, const float *w, bf16 *copy, float decay, int64_t n) {
    const float rest = 1.f - decay;
    const bool whole = aligned(a, 16) && aligned(w, 16) && aligned(copy, 8);
    const int64_t fours = whole ? n / 4 : 0, step = threads_of_grid();
    for (int64_t i = thread_of_grid(); i < fours; i += step) {
        Four average = load4(a + 4 * i);
        const Four weight = load4(w + 4 * i);
#pragma unroll
        for (int k = 0; k < 4; k++) average.v[k] = decay * average.v[k] + rest * weight.v[k];
        store4(a + 4 * i, average);
        if (copy) store4(copy + 4 * i, average);
    }
    for (int64_t i = 4 * fours + thread_of_grid(); i < n; i += step) {
        a[i] = decay * a[i] + rest * w[i];
        if (copy) store(copy + i, a[i]);
    }
}
