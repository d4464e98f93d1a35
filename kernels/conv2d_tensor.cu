// conv2d_tensor.cu: convolution with bias and rectifier, as conv2d.cu, on tensor cores.
// Arch compute_80
// Layout   x: [N,H,W,G*C], w: [G*O,K,K,C], bias: [G*O] f32, y: [N,H',W',G*O]; C a multiple of 8
// Product  of each group: m the N*H'*W' places, n the O maps, k the K*K*C of the window; tensor_product.h
// Launch   m along x, n along y, groups along z; dynamic shared memory for the tile's slices
// Count    170 GFLOP for AlexNet at batch 128, both towers: 0.17 ms at an H100's 989 TFLOP/s; kernels/lab/README.md
// Twin     engine/backend/reference/conv2d.go
#include "conv2d_tensor.h"

template <class T> DEVICE void convolve(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, const Conv2D &c) {
    const int group = blockIdx.z, first = blockIdx.x * T::m, map = blockIdx.y * T::n, length = length_of(c);
    const Warp<T> warp;
    Unfolded<T::m, T::depth, T::threads> left(c, x, group, first);
    const LineCopies<T::n, T::depth, T::threads> right(w + (int64_t)group * c.maps * length, length, map, c.maps);
    float sum[T::mi][T::ni][4] = {};
    multiply_slices<T, true, true>(sum, (length + T::depth - 1) / T::depth, warp, [&](bf16 *a, bf16 *b, int slice) {
        left.load(a);
        right.load(b, slice * T::depth);
    });
    bias += group * c.maps, y += group * c.maps;
    each(sum, first + warp.line, map + warp.column, [&](int place, int at, float low, float high) {
        if (place >= places_of(c) || at >= c.maps) return;
        low += bias[at], high += at + 1 < c.maps ? bias[at + 1] : 0.f;
        if (c.relu) low = low < 0.f ? 0.f : low, high = high < 0.f ? 0.f : high;
        store_pair(y + (int64_t)place * c.groups * c.maps, at, c.maps, low, high);
    });
}

#define CONV2D(name, m, n, depth, wm, wn, blocks)                                                                      \
    typedef Tile<m, n, depth, wm, wn> Tile_##name;                                                                     \
    TENSOR_KERNEL(Tile_##name, blocks)                                                                                 \
    conv2d_forward_tensor_##name(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, Conv2D p) {                 \
        convolve<Tile_##name>(y, x, w, bias, p);                                                                       \
    }

CONV2D(128x128x64, 128, 128, 64, 64, 64, 2)
CONV2D(128x96x64, 128, 96, 64, 64, 48, 2)
CONV2D(128x64x64, 128, 64, 64, 64, 32, 3)
CONV2D(128x64x32, 128, 64, 32, 64, 32, 3)
CONV2D(128x48x64, 128, 48, 64, 32, 48, 3)
CONV2D(64x64x64, 64, 64, 64, 32, 32, 4)
