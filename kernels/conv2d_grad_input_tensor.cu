// conv2d_grad_input_tensor.cu: the gradient of convolution with respect to its input, as conv2d_grad_input.cu, on
// tensor cores.
// Arch compute_80
// Layout   dx: [N,H,W,G*C], w: [G*O,K,K,c], dz: [N,H',W',G*o], where c is C and o is O, rounded up to eight; mask: as
//          dx, or null: where it is not above 0, dx is 0
// Product  of each group: m the N*H*W places, n the C channels, k the O maps at each place of the window, in whole
//          slices; B is the weights as they lie; tensor_product.h
// Launch   m along x, n along y, groups along z; dynamic shared memory for the tile's slices; p.area and p.row divide
//          by H*W and W. A stride above 1 is for the kernel named strided, most of whose products are then with zero
// Count    as many operations as forward; kernels/lab/README.md
// Twin     engine/backend/reference/conv2d_grad_input.go
#include "conv2d_tensor.h"

template <class T, bool strided>
DEVICE void gradient(bf16 *RESTRICT dx, const bf16 *w, const bf16 *dz, const bf16 *RESTRICT mask, const Conv2D &c) {
    const int group = blockIdx.z, first = blockIdx.x * T::m, channel = blockIdx.y * T::n, length = length_of(c);
    const Warp<T> warp;
    const Folded<T::m, T::depth, T::threads, strided> left(c, dz, group, first);
    const ColumnCopies<T::n, T::depth, T::threads> right(w + (int64_t)group * c.maps * length, length, channel,
                                                         c.weight_channels);
    float sum[T::mi][T::ni][4] = {};
    const int slices = (c.maps + T::depth - 1) / T::depth * c.kernel * c.kernel;
    int u = 0, v = 0, map = 0;
    multiply_slices<T, true, false>(sum, slices, warp, [&](bf16 *a, bf16 *b, int) {
        left.load(a, u, v, map);
        right.load(b, map, c.maps, (u * c.kernel + v) * c.weight_channels);
        map += T::depth;
        if (map < c.maps) return;
        map = 0;
        if (++v == c.kernel) v = 0, u++;
    });
    const int row = c.groups * c.channels;
    each(sum, first + warp.line, channel + warp.column, [&](int place, int at, float low, float high) {
        if (place >= c.images * c.height * c.width) return;
        const int64_t line = (int64_t)place * row + group * c.channels;
        if (mask) rectify(mask + line, at, c.channels, low, high);
        store_pair(dx + line, at, c.channels, low, high);
    });
}

#define CONV2D_GRAD_INPUT(name, strided, m, n, depth, wm, wn, blocks)                                                  \
    typedef Tile<m, n, depth, wm, wn> Tile_##name;                                                                     \
    TENSOR_KERNEL(Tile_##name, blocks)                                                                                 \
    conv2d_grad_input_tensor_##name(bf16 *RESTRICT dx, const bf16 *w, const bf16 *dz, const bf16 *RESTRICT mask,       \
                                    Conv2D p) {                                                                        \
        gradient<Tile_##name, strided>(dx, w, dz, mask, p);                                                            \
    }

CONV2D_GRAD_INPUT(128x128x64, false, 128, 128, 64, 64, 64, 2)
CONV2D_GRAD_INPUT(128x96x64, false, 128, 96, 64, 64, 48, 2)
CONV2D_GRAD_INPUT(128x64x64, false, 128, 64, 64, 64, 32, 3)
CONV2D_GRAD_INPUT(128x48x64, false, 128, 48, 64, 32, 48, 3)
CONV2D_GRAD_INPUT(64x64x32, false, 64, 64, 32, 32, 32, 4)
CONV2D_GRAD_INPUT(strided_64x64x32, true, 64, 64, 32, 32, 32, 3)
