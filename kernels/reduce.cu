// reduce.cu: sums in a fixed order: of the parts of a product, and of gradients over the batch.
// Layout   parts: [splits, rows, columns] f32; y: [rows, columns]; bias: [columns] or null; dz: [places, maps]; of the
//          gradient of the bias: [parts, maps] f32, which is itself for one part
// Launch   finish: block 256 over the elements, striding. bias_gradient: block 256; 32 maps a block along x, `each`
//          places a block along y; the parts of many places once more
// Moves    finish reads splits*4 bytes an element and writes one; the bias gradients read dz once, 16 bytes at a time
//          where the maps allow
// Order    parts in ascending order; the places of a part strided over the threads, then their sums in halves: by sizes
//          alone
#include "elementwise.h"

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

enum { sum_threads = 256, sum_maps = 32 };
AGREED(bias_gradient_maps, sum_maps)

DEVICE void add(float (&sum)[1], const float *p) { sum[0] += load(p); }
DEVICE void add(float (&sum)[1], const bf16 *p) { sum[0] += load(p); }
DEVICE void add(float (&sum)[4], const float *p) {
    const float4 q = *(const float4 *)p;
    sum[0] += q.x, sum[1] += q.y, sum[2] += q.z, sum[3] += q.w;
}
DEVICE void add(float (&sum)[8], const bf16 *p) {
    const uint4 q = *(const uint4 *)p;
    sum[0] += bits_float(q.x << 16), sum[1] += bits_float(q.x & 0xffff0000u);
    sum[2] += bits_float(q.y << 16), sum[3] += bits_float(q.y & 0xffff0000u);
    sum[4] += bits_float(q.z << 16), sum[5] += bits_float(q.z & 0xffff0000u);
    sum[6] += bits_float(q.w << 16), sum[7] += bits_float(q.w & 0xffff0000u);
}

// bias_gradient sums maps of a place at a time in each thread, then over the threads of a block.
template <int maps, class T>
DEVICE void bias_gradient(float *parts, const T *dz, int places, int all, int each, float *shared) {
    const int across = sum_maps / maps, down = sum_threads / across; // threads of a block
    const int column = threadIdx.x % across * maps, row = threadIdx.x / across, map = blockIdx.x * sum_maps + column;
    const int64_t begin = (int64_t)blockIdx.y * each, end = begin + each < places ? begin + each : places;
    float sum[maps] = {};
    if (map < all) {
#pragma unroll 4
        for (int64_t i = begin + row; i < end; i += down) add(sum, dz + i * all + map);
    }
#pragma unroll
    for (int i = 0; i < maps; i++) shared[row * sum_maps + column + i] = sum[i];
    __syncthreads();
    for (int half = down / 2; half > 0; half /= 2) {
        for (int i = threadIdx.x; i < half * sum_maps; i += sum_threads) shared[i] += shared[half * sum_maps + i];
        __syncthreads();
    }
    const int own = blockIdx.x * sum_maps + threadIdx.x;
    if (threadIdx.x < sum_maps && own < all) parts[(int64_t)blockIdx.y * all + own] = shared[threadIdx.x];
}

#define BIAS_GRADIENT(T, name)                                                                                         \
    KERNEL(sum_threads) bias_gradient_##name(float *parts, const T *dz, int places, int maps, int each) {              \
        const int wide = 16 / sizeof(T);                                                                               \
        __shared__ float shared[sum_threads * wide];                                                                   \
        if (maps % wide == 0) bias_gradient<wide>(parts, dz, places, maps, each, shared);                              \
        else bias_gradient<1>(parts, dz, places, maps, each, shared);                                                  \
    }

BIAS_GRADIENT(float, f32)
BIAS_GRADIENT(bf16, bf16)
