// linear_tensor.cu: the products of linear.cu on the tensor cores, where compute capability is at least 8.0.
// Arch compute_80
// Layout   x: [N,I], w: [O,I], dz: [N,O] bf16; parts: [splits, rows, columns] f32
// Product  as in linear.cu; tensor_tile.h. The kernels named unaligned take rows of any length, the others rows of a
//          multiple of eight elements, which they copy 16 bytes at a time
// Launch   block 2*side; n along x, m along y, splits along z
// Count    2*N*O*I operations each; at batch 128 the bytes of the weight count: AlexNet's fc6 reads 75 MB in 23 us at
//          an H100's 3.35 TB/s, and its 9.7 GFLOP take 10 us at 989 TFLOP/s. fc6, fc7, fc8, three products each: 45
//          GFLOP, 46 us; bytes: weights read twice as bf16 and gradients written as f32, 59 M * 8 = 470 MB, 140 us
// Twin     engine/backend/reference/linear.go
#include "tensor_operand.h"

template <int side, class A, class B>
DEVICE void part(float *parts, const A &a, const B &b, int rows, int columns, int k, int splits) {
    const int split = blockIdx.z;
    Stored write = {parts + (int64_t)split * rows * columns, columns};
    tensor_product<side>(a, b, write, blockIdx.y * side, blockIdx.x * side, rows, columns,
                         range_of(k, splits, split, tensor_depth));
}

#define LINEAR(name, side, aligned)                                                                                    \
    KERNEL_TWICE(2 * side)                                                                                             \
    linear_forward_tensor_##name(float *parts, const bf16 *x, const bf16 *w, int batch, int inputs, int features,      \
                                 int splits) {                                                                         \
        part<side>(parts, rows_of<side, aligned>(x, inputs), rows_of<side, aligned>(w, inputs), batch, features,       \
                   inputs, splits);                                                                                    \
    }                                                                                                                  \
    KERNEL_TWICE(2 * side)                                                                                             \
    linear_grad_input_tensor_##name(float *parts, const bf16 *w, const bf16 *dz, int batch, int inputs, int features,  \
                                    int splits) {                                                                      \
        part<side>(parts, rows_of<side, aligned>(dz, features), columns_of<side, aligned>(w, inputs), batch, inputs,   \
                   features, splits);                                                                                  \
    }                                                                                                                  \
    KERNEL_TWICE(2 * side)                                                                                             \
    linear_grad_weight_tensor_##name(float *parts, const bf16 *x, const bf16 *dz, int batch, int inputs, int features, \
                                     int splits) {                                                                     \
        part<side>(parts, columns_of<side, aligned>(dz, features), columns_of<side, aligned>(x, inputs), features,     \
                   inputs, batch, splits);                                                                             \
    }

LINEAR(128_bf16, 128, true)
LINEAR(64_bf16, 64, true)
LINEAR(128_unaligned_bf16, 128, false)
LINEAR(64_unaligned_bf16, 64, false)
