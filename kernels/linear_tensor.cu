// linear_tensor.cu: fully connected layers, as linear.cu, on tensor cores.
// Arch compute_80
// Layout   x: [N,I], w: [O,I], dz: [N,o] bf16, where I is a multiple of 8 and o is O, rounded up to eight; parts:
//          [splits, rows, columns] f32, null for one part of a result in bf16, which the kernel finishes then; mask: as
//          the gradient of the input, or null: where it is not above 0, that is 0
// Product  forward: m the N images, n the O features, k the I inputs. Gradient of the input: m images, n inputs, k
//          features. Gradient of the weights: m features, n inputs, k images, and of the bias as in
//          conv2d_grad_weight_tensor.cu; tensor_product.h
// Launch   n along x, m along y, splits along z; dynamic shared memory for the tile's slices
// Count    2*N*O*I operations each; at batch 128 the bytes of the weight count: AlexNet's fc6 reads 75 MB in 23 us at
//          an H100's 3.35 TB/s, and its 9.7 GFLOP take 10 us at 989 TFLOP/s. fc6, fc7, fc8, three products each: 45
//          GFLOP, 46 us; bytes: weights read twice as bf16 and gradients written as f32, 59 M * 8 = 470 MB, 140 us
// Twin     engine/backend/reference/linear.go
#include "tensor_product.h"

// Linear is a fully connected layer and the parts of its product. linear.go has its twin.
struct Linear {
    int batch, inputs, features, splits, relu;
};

// store_sums stores a warp's sums to its part, or, of the only one, the result.
template <class T>
DEVICE void store_sums(bf16 *RESTRICT result, float *parts, const float *bias, const bf16 *RESTRICT mask,
                       const float (&sum)[T::mi][T::ni][4], int line, int column, int rows, int columns, int relu) {
    if (parts) parts += (int64_t)blockIdx.z * rows * columns;
    each(sum, line, column, [&](int row, int at, float low, float high) {
        if (row >= rows || at >= columns) return;
        if (parts) {
            float *const to = parts + (int64_t)row * columns + at;
            if (columns % 2 == 0) *(float2 *)to = make_float2(low, high);
            else to[0] = low;
            if (columns % 2 != 0 && at + 1 < columns) to[1] = high;
            return;
        }
        if (bias) low += bias[at], high += at + 1 < columns ? bias[at + 1] : 0.f;
        if (relu) low = low < 0.f ? 0.f : low, high = high < 0.f ? 0.f : high;
        if (mask) rectify(mask + (int64_t)row * columns, at, columns, low, high);
        store_pair(result + (int64_t)row * columns, at, columns, low, high);
    });
}

template <class T>
DEVICE void forward(bf16 *y, float *parts, const bf16 *x, const bf16 *w, const float *bias, const Linear &p) {
    const int line = blockIdx.y * T::m, column = blockIdx.x * T::n;
    const Slices range = slices_of<T::depth>(p.inputs, blockIdx.z, p.splits);
    const Warp<T> warp;
    const LineCopies<T::m, T::depth, T::threads> left(x, p.inputs, line, p.batch);
    const LineCopies<T::n, T::depth, T::threads> right(w, p.inputs, column, p.features);
    float sum[T::mi][T::ni][4] = {};
    multiply_slices<T, true, true>(sum, range.end - range.begin, warp, [&](bf16 *a, bf16 *b, int slice) {
        left.load(a, (range.begin + slice) * T::depth);
        right.load(b, (range.begin + slice) * T::depth);
    });
    store_sums<T>(y, parts, bias, nullptr, sum, line + warp.line, column + warp.column, p.batch, p.features, p.relu);
}

template <class T>
DEVICE void grad_input(bf16 *RESTRICT dx, float *parts, const bf16 *w, const bf16 *dz, const bf16 *RESTRICT mask,
                       const Linear &p) {
    const int line = blockIdx.y * T::m, column = blockIdx.x * T::n, features = (p.features + 7) & ~7;
    const Slices range = slices_of<T::depth>(p.features, blockIdx.z, p.splits);
    const Warp<T> warp;
    const LineCopies<T::m, T::depth, T::threads> left(dz, features, line, p.batch);
    const ColumnCopies<T::n, T::depth, T::threads> right(w, p.inputs, column, p.inputs);
    float sum[T::mi][T::ni][4] = {};
    multiply_slices<T, true, false>(sum, range.end - range.begin, warp, [&](bf16 *a, bf16 *b, int slice) {
        left.load(a, (range.begin + slice) * T::depth);
        right.load(b, (range.begin + slice) * T::depth, p.features);
    });
    store_sums<T>(dx, parts, nullptr, mask, sum, line + warp.line, column + warp.column, p.batch, p.inputs, 0);
}

template <class T>
DEVICE void grad_weight(float *parts, float *bias_parts, const bf16 *x, const bf16 *dz, const Linear &p) {
    const int line = blockIdx.y * T::m, column = blockIdx.x * T::n, features = (p.features + 7) & ~7;
    const Slices range = slices_of<T::depth>(p.batch, blockIdx.z, p.splits);
    const Warp<T> warp;
    const ColumnCopies<T::m, T::depth, T::threads> left(dz, features, line, features);
    const ColumnCopies<T::n, T::depth, T::threads> right(x, p.inputs, column, p.inputs);
    float sum[T::mi][T::ni][4] = {};
    LineSums<T::mi> sums;
    sums.wanted = bias_parts && column + warp.column == 0;
    multiply_slices<T, false, false>(
        sum, range.end - range.begin, warp,
        [&](bf16 *a, bf16 *b, int slice) {
            left.load(a, (range.begin + slice) * T::depth, p.batch);
            right.load(b, (range.begin + slice) * T::depth, p.batch);
        },
        [&](int i, const uint32_t(&a)[4]) { sums(i, a); });
    sums.store(bias_parts + (int64_t)blockIdx.z * p.features, line + warp.line, p.features);
    store_sums<T>(nullptr, parts, nullptr, nullptr, sum, line + warp.line, column + warp.column, p.features, p.inputs,
                  0);
}

#define LINEAR(name, m, n, depth, wm, wn, blocks)                                                                      \
    typedef Tile<m, n, depth, wm, wn> Tile_##name;                                                                     \
    TENSOR_KERNEL(Tile_##name, blocks)                                                                                 \
    linear_forward_tensor_##name(bf16 *y, float *parts, const bf16 *x, const bf16 *w, const float *bias, Linear p) {   \
        forward<Tile_##name>(y, parts, x, w, bias, p);                                                                 \
    }                                                                                                                  \
    TENSOR_KERNEL(Tile_##name, blocks)                                                                                 \
    linear_grad_input_tensor_##name(bf16 *RESTRICT dx, float *parts, const bf16 *w, const bf16 *dz,                    \
                                    const bf16 *RESTRICT mask, Linear p) {                                             \
        grad_input<Tile_##name>(dx, parts, w, dz, mask, p);                                                            \
    }                                                                                                                  \
    TENSOR_KERNEL(Tile_##name, blocks)                                                                                 \
    linear_grad_weight_tensor_##name(float *parts, float *bias_parts, const bf16 *x, const bf16 *dz, Linear p) {       \
        grad_weight<Tile_##name>(parts, bias_parts, x, dz, p);                                                         \
    }

LINEAR(128x128x64, 128, 128, 64, 64, 64, 2)
LINEAR(64x64x64, 64, 64, 64, 32, 32, 4)
