// ema.cu: the moving averages of parameters; formula in engine/op/ema.go.
// Layout   a row a parameter. a, w: n elements, f32, a in place; copy: a in bf16, or null. a, w at multiples of 16
//          bytes, copy of 8
// Launch   block 256, 4 on a multiprocessor, striding over pieces of 2048 elements (rows.h)
// Moves    reads a, w and writes a: 12 bytes an element (14 with the copy), 3 operations: bound by memory
// Twin     engine/backend/reference/ema.go
#include "rows.h"

struct Averaged {
    Begin is;
    float *a;
    const float *w;
    bf16 *copy;
    Number decay;
};
AGREED(ema_update_row, sizeof(Averaged))

DEVICE float average(float decay, float a, float w) {
    const float rest = 1.f - decay;
    return decay * a + rest * w;
}

DEVICE void update(const Averaged &p, int64_t first) {
    float *const a = p.a;
    const float *const w = p.w;
    bf16 *const copy = p.copy;
    const float decay = p.decay.is;
    const int64_t n = p.is.n;
    Four old[piece_fours] = {}, weight[piece_fours] = {};
#pragma unroll
    for (int k = 0; k < piece_fours; k++) {
        const int64_t i = four_of(first, k);
        if (i + 4 <= n) old[k] = stream4(a + i), weight[k] = stream4(w + i);
    }
#pragma unroll
    for (int k = 0; k < piece_fours; k++) {
        const int64_t i = four_of(first, k);
        if (i + 4 > n) continue;
#pragma unroll
        for (int j = 0; j < 4; j++) old[k].v[j] = average(decay, old[k].v[j], weight[k].v[j]);
        stream4(a + i, old[k]);
        if (copy) stream4(copy + i, old[k]);
    }
    const int64_t i = rest_of(first, n);
    if (i < n) {
        a[i] = average(decay, a[i], w[i]);
        if (copy) store(copy + i, a[i]);
    }
}

KERNEL_OF_ROWS ema_update(const Averaged *rows, int32_t count, int64_t pieces) {
    int at = 0;
    for (int64_t piece = blockIdx.x; piece < pieces; piece += gridDim.x) {
        at = row_of(rows, at, piece);
        update(rows[at], first_of(rows, at, piece));
    }
}
