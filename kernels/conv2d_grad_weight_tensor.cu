// conv2d_grad_weight_tensor.cu: the gradients of convolution with respect to its weights and its bias, on tensor cores.
// Arch compute_80
// Layout   x: [N,H,W,G*C], C a multiple of 8, dz: [N,H',W',G*o], where o is O, rounded up to eight;
//          parts: [splits,G*O,K,K,C] f32, bias_parts: [splits,G*O] f32 or null; for one split dw and db themselves
// Product  of each group: m the O maps, n the K*K*C of the window, k the N*H'*W' places; the bias gradient is the sums
//          of A's lines, which the first column of tiles makes; tensor_product.h
// Launch   n along x, m along y, splits of each group along z; dynamic shared memory for the tile's slices
// Count    as many operations as forward; kernels/lab/README.md. finish_gradients (finish.cu) adds the parts
// Twin     engine/backend/reference/conv2d_grad_weight.go
#include "conv2d_tensor.h"

template <class T>
DEVICE void gradient(float *parts, float *bias_parts, const bf16 *x, const bf16 *dz, const Conv2D &c) {
    const int group = blockIdx.z / c.splits, split = blockIdx.z % c.splits, map = blockIdx.y * T::m;
    const int column = blockIdx.x * T::n, maps = gradient_maps(c), length = length_of(c), places = places_of(c);
    const Slices range = slices_of<T::depth>(places, split, c.splits);
    const Warp<T> warp;
    const ColumnCopies<T::m, T::depth, T::threads> left(dz + group * maps, c.groups * maps, map, maps);
    const UnfoldedAcross<T::n, T::depth, T::threads> right(c, x, group, column);
    float sum[T::mi][T::ni][4] = {};
    LineSums<T::mi> sums;
    sums.wanted = bias_parts && column + warp.column == 0;
    multiply_slices<T, false, false>(
        sum, range.end - range.begin, warp,
        [&](bf16 *a, bf16 *b, int slice) {
            const int place = (range.begin + slice) * T::depth;
            left.load(a, place, places);
            right.load(b, place);
        },
        [&](int i, const uint32_t(&a)[4]) { sums(i, a); });
    const int64_t first = (int64_t)(split * c.groups + group) * c.maps;
    sums.store(bias_parts + first, map + warp.line, c.maps);
    parts += first * length;
    each(sum, map + warp.line, column + warp.column, [&](int at, int in, float low, float high) {
        if (at < c.maps && in < length) *(float2 *)(parts + (int64_t)at * length + in) = make_float2(low, high);
    });
}

#define CONV2D_GRAD_WEIGHT(name, m, n, depth, wm, wn, blocks)                                                          \
    typedef Tile<m, n, depth, wm, wn> Tile_##name;                                                                     \
    TENSOR_KERNEL(Tile_##name, blocks)                                                                                 \
    conv2d_grad_weight_tensor_##name(float *parts, float *bias_parts, const bf16 *x, const bf16 *dz, Conv2D p) {       \
        gradient<Tile_##name>(parts, bias_parts, x, dz, p);                                                            \
    }

CONV2D_GRAD_WEIGHT(128x128x64, 128, 128, 64, 64, 64, 2)
CONV2D_GRAD_WEIGHT(96x128x64, 96, 128, 64, 48, 64, 2)
CONV2D_GRAD_WEIGHT(64x256x32, 64, 256, 32, 64, 64, 2)
CONV2D_GRAD_WEIGHT(64x128x64, 64, 128, 64, 32, 64, 3)
CONV2D_GRAD_WEIGHT(48x128x64, 48, 128, 64, 48, 32, 3)
