// reduce.cu: sums in a fixed order: of the parts of a product, and of gradients over the batch.
// Layout   parts: [splits, rows, columns] f32; y: [rows, columns]; bias: [columns] or null; dz: [N, maps, area]; db:
//          [maps]
// Launch   finish: block 256 over the elements, striding. bias_gradient: a block of 256 a map. bias_gradient_rows: a
//          thread a feature
// Moves    finish reads splits*4 bytes an element and writes one; the bias gradients read dz once
// Order    parts in ascending order; the places of a map strided over the threads, then as in reduce.h: by sizes alone
#include "elementwise.h"
#include "reduce.h"

// finish adds parts up, and the bias, and rectifies.
template <class T>
DEVICE void finish(T *y, const float *parts, const float *bias, int64_t rows, int columns, int splits, int relu) {
    const int64_t n = rows * columns;
    for (int64_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
        float sum = parts[i];
        for (int s = 1; s < splits; s++) sum += parts[s * n + i];
        if (bias) sum += bias[i % columns];
        if (relu && sum < 0.f) sum = 0.f;
        store(y + i, sum);
    }
}

KERNEL(256)
finish_f32(float *y, const float *parts, const float *bias, int64_t rows, int columns, int splits, int relu) {
    finish(y, parts, bias, rows, columns, splits, relu);
}
KERNEL(256)
finish_bf16(bf16 *y, const float *parts, const float *bias, int64_t rows, int columns, int splits, int relu) {
    finish(y, parts, bias, rows, columns, splits, relu);
}

enum { sum_threads = 256 };

template <class T> DEVICE void bias_gradient(float *db, const T *dz, int batch, int maps, int area) {
    float sum = 0.f;
    for (int n = 0; n < batch; n++) {
        const T *plane = dz + ((int64_t)n * maps + blockIdx.x) * area;
        for (int i = threadIdx.x; i < area; i += sum_threads) sum += load(plane + i);
    }
    sum = block_sum<sum_threads>(sum);
    if (threadIdx.x == 0) db[blockIdx.x] = sum;
}

KERNEL(sum_threads) bias_gradient_f32(float *db, const float *dz, int batch, int maps, int area) {
    bias_gradient(db, dz, batch, maps, area);
}
KERNEL(sum_threads) bias_gradient_bf16(float *db, const bf16 *dz, int batch, int maps, int area) {
    bias_gradient(db, dz, batch, maps, area);
}

template <class T> DEVICE void bias_gradient_rows(float *db, const T *dz, int batch, int features) {
    const int f = blockIdx.x * blockDim.x + threadIdx.x;
    if (f >= features) return;
    float sum = 0.f;
    for (int n = 0; n < batch; n++) sum += load(dz + (int64_t)n * features + f);
    db[f] = sum;
}

KERNEL(64) bias_gradient_rows_f32(float *db, const float *dz, int batch, int features) {
    bias_gradient_rows(db, dz, batch, features);
}
KERNEL(64) bias_gradient_rows_bf16(float *db, const bf16 *dz, int batch, int features) {
    bias_gradient_rows(db, dz, batch, features);
}
