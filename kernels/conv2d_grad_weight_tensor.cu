// conv2d_grad_weight_tensor.cu: the product of conv2d_grad_weight.cu on the tensor cores, where compute capability is
// at least 8.0.
// Arch compute_80
// Layout   x: [N, G*C, H, W], dz: [N, G*O, H', W'] bf16; parts: [splits, G*O, C, K, K] f32, dw itself for one split
// Product  as in conv2d_grad_weight.cu; tensor_tile.h
// Launch   block 2*side; n along x, m along y, groups and splits along z
// Count    170 GFLOP for AlexNet at batch 128, both towers: 0.17 ms at an H100's 989 TFLOP/s; the gathers of both
//          operands limit at about 470 instructions for a slice: 0.5 of an A100's 312 TFLOP/s, 0.27 of an H100's 989
// Twin     engine/backend/reference/conv2d_grad_weight.go
#include "conv2d_tensor.h"

// Images is the source of A[m,k] for Pairs: the gradient of map m at place k.
struct Images {
    typedef int Distance;
    struct Position {
        const bf16 *p;
        bool there;
    };
    const bf16 *dz; // of the group in the first image
    Geometry g;
    FastDivisor image; // by out_area
    int end;

    DEVICE_MEMBER void begin(Range k) { end = k.end; }
    DEVICE_MEMBER Distance distance(int m) const { return m * g.out_area; }
    DEVICE_MEMBER Position position(int k) const {
        // k counts an image's places, and memory its maps too.
        const int number = quotient(k, image);
        Position p = {kept(dz + (int64_t)number * (g.groups * g.maps - 1) * g.out_area + k), k < end};
        return p;
    }
    DEVICE_MEMBER uint32_t element(Distance d, const Position &k) const { return ::element(k.p, d, k.there); }
};

template <int side>
DEVICE void gradient(float *parts, const bf16 *x, const bf16 *dz, const Geometry &g, int places, int splits,
                     const FastDivisor &image, const FastDivisor &row, const FastDivisor &window,
                     const FastDivisor &kernel) {
    const int group = blockIdx.z % g.groups, split = blockIdx.z / g.groups, length = g.channels * g.window;
    const Pairs<side, Images> left(Images{dz + (int64_t)group * g.maps * g.out_area, g, image, 0});
    const Input input = {x + (int64_t)group * g.channels * g.area, g, image, row, window, kernel};
    const Pairs<side, UnfoldedAcross<Input>> right(UnfoldedAcross<Input>{input, 0});
    const Stored write = {parts + ((int64_t)split * g.groups + group) * g.maps * length, length};
    tensor_product<side>(left, right, write, blockIdx.y * side, blockIdx.x * side, g.maps, length,
                         range_of(places, splits, split, tensor_depth));
}

#define CONV2D_GRAD_WEIGHT(name, side)                                                                                 \
    KERNEL_TWICE(2 * side)                                                                                             \
    conv2d_grad_weight_tensor_##name(float *parts, const bf16 *x, const bf16 *dz, int groups, int channels,            \
                                     int height, int width, int maps, int out_height, int out_width, int kernel,       \
                                     int stride, int pad, int places, int splits, uint32_t image, int image_shift,     \
                                     uint32_t row, int row_shift, uint32_t window, int window_shift, uint32_t kernels, \
                                     int kernels_shift) {                                                              \
        const Geometry g =                                                                                             \
            geometry(groups, channels, height, width, maps, out_height, out_width, kernel, stride, pad);               \
        gradient<side>(parts, x, dz, g, places, splits, fast_divisor(g.out_area, image, image_shift),                  \
                       fast_divisor(out_width, row, row_shift), fast_divisor(g.window, window, window_shift),          \
                       fast_divisor(kernel, kernels, kernels_shift));                                                  \
    }

CONV2D_GRAD_WEIGHT(128_bf16, 128)
CONV2D_GRAD_WEIGHT(64_bf16, 64)
