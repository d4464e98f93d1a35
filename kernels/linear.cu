// linear.cu: fully connected layers; formulas in engine/op/linear.go. Sums of parts, bias and rectifier are in
// reduce.cu.
// Layout   x: [N,I], w: [O,I], dz: [N,O]; T is f32 or bf16; parts: [splits, rows, columns] f32
// Product  forward: m the N images, n the O features, k the I inputs. Gradient of the input: m images, n inputs, k
//          features. Gradient of the weight: m features, n inputs, k images; tile.h
// Launch   block 256; n along x, m along y, splits along z
// Count    2*N*O*I operations each. AlexNet at batch 128, GFLOP: fc6 9.7, fc7 4.3, fc8 1.0; the weights are 151, 67 and
//          16 MB in f32, read once for every 128 images: 0.22 ms of arithmetic at an H100's 67 TFLOP/s, 0.07 ms of
//          memory at 3.35 TB/s
// Twin     engine/backend/reference/linear.go
#include "tile.h"

template <int side, int depth, class A, class B>
DEVICE void part(float *parts, A a, B b, int rows, int columns, int k, int splits) {
    const int split = blockIdx.z;
    Plain write = {parts + (int64_t)split * rows * columns, columns};
    product<side, depth>(a, b, write, blockIdx.y * side, blockIdx.x * side, rows, columns,
                         range_of(k, splits, split, depth));
}

#define LINEAR(T, name, side, depth)                                                                                   \
    KERNEL_TWICE(tile_threads)                                                                                         \
    linear_forward_##side##_##name(float *parts, const T *x, const T *w, int batch, int inputs, int features,          \
                                   int splits) {                                                                       \
        Rows<T> a = {x, inputs}, b = {w, inputs};                                                                      \
        part<side, depth>(parts, a, b, batch, features, inputs, splits);                                               \
    }                                                                                                                  \
    KERNEL_TWICE(tile_threads)                                                                                         \
    linear_grad_input_##side##_##name(float *parts, const T *w, const T *dz, int batch, int inputs, int features,      \
                                      int splits) {                                                                    \
        Rows<T> a = {dz, features};                                                                                    \
        Columns<T> b = {w, inputs};                                                                                    \
        part<side, depth>(parts, a, b, batch, inputs, features, splits);                                               \
    }                                                                                                                  \
    KERNEL_TWICE(tile_threads)                                                                                         \
    linear_grad_weight_##side##_##name(float *parts, const T *x, const T *dz, int batch, int inputs, int features,     \
                                       int splits) {                                                                   \
        Columns<T> a = {dz, features}, b = {x, inputs};                                                                \
        part<side, depth>(parts, a, b, features, inputs, batch, splits);                                               \
    }

LINEAR(float, f32, 128, 8)
LINEAR(float, f32, 64, 16)
LINEAR(bf16, bf16, 128, 8)
LINEAR(bf16, bf16, 64, 16)
