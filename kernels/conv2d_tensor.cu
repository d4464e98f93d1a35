// conv2d_tensor.cu: the product of conv2d.cu on the tensor cores, where compute capability is at least 8.0.
// Arch compute_80
// Layout   x: [N, G*C, H, W], w: [G*O, C, K, K], y: [N, G*O, H', W'] bf16; b: [G*O] f32
// Product  as in conv2d.cu; tensor_tile.h. The kernels named unaligned take weights of any number a map, the others of
//          a multiple of eight, which they copy 16 bytes at a time
// Launch   block 2*side; n along x, m along y, groups along z
// Count    as in conv2d.cu: 170 GFLOP for AlexNet at batch 128, both towers: 0.17 ms at an H100's 989 TFLOP/s. Bytes,
//          bf16, each tensor once: 255 MB, 0.08 ms at 3.35 TB/s. The gather limits before either: for a slice of 32 a
//          thread executes, in the code for sm_80, about 285 instructions, 32 of them the tensor cores', in tile 128. A
//          scheduler has two warps a block: 570 clocks, where the tensor cores want 512 of an A100 and 256 of an H100.
//          So 0.8 of an A100's 312 TFLOP/s at most, and 0.4 of an H100's 989
// Twin     engine/backend/reference/conv2d.go
#include "conv2d_tensor.h"

// Biased writes y with the bias and the rectifier.
struct Biased {
    bf16 *y; // of the group in the first image
    const float *bias;
    Geometry g;
    FastDivisor image;
    int columns, relu;

    DEVICE_MEMBER bool begin(int n) {
        const int number = quotient(n, image);
        y += (int64_t)number * g.groups * g.maps * g.out_area + (n - number * g.out_area);
        return n < columns;
    }
    DEVICE_MEMBER void operator()(int m, float sum) const {
        sum += bias[m];
        if (relu && sum < 0.f) sum = 0.f;
        store(y + m * g.out_area, sum);
    }
};

template <int side, bool aligned>
DEVICE void convolve(bf16 *y, const bf16 *x, const bf16 *w, const float *b, const Geometry &g, int columns,
                     const FastDivisor &image, const FastDivisor &row, const FastDivisor &window,
                     const FastDivisor &kernel, int relu) {
    const int group = blockIdx.z, length = g.channels * g.window;
    const Input input = {x + (int64_t)group * g.channels * g.area, g, image, row, window, kernel};
    const Octets<side, Unfolded<Input>> right(Unfolded<Input>{input, {}, 0});
    const Biased write = {y + (int64_t)group * g.maps * g.out_area, b + group * g.maps, g, image, columns, relu};
    tensor_product<side>(rows_of<side, aligned>(w + (int64_t)group * g.maps * length, length), right, write,
                         blockIdx.y * side, blockIdx.x * side, g.maps, columns, Range{0, length});
}

#define CONV2D(name, side, aligned)                                                                                    \
    KERNEL_TWICE(2 * side)                                                                                             \
    conv2d_forward_tensor_##name(bf16 *y, const bf16 *x, const bf16 *w, const float *b, int groups, int channels,      \
                                 int height, int width, int maps, int out_height, int out_width, int kernel,           \
                                 int stride, int pad, int columns, uint32_t image, int image_shift, uint32_t row,      \
                                 int row_shift, uint32_t window, int window_shift, uint32_t kernels,                   \
                                 int kernels_shift, int relu) {                                                        \
        const Geometry g =                                                                                             \
            geometry(groups, channels, height, width, maps, out_height, out_width, kernel, stride, pad);               \
        convolve<side, aligned>(y, x, w, b, g, columns, fast_divisor(g.out_area, image, image_shift),                  \
                                fast_divisor(out_width, row, row_shift), fast_divisor(g.window, window, window_shift), \
                                fast_divisor(kernel, kernels, kernels_shift), relu);                                   \
    }

CONV2D(128_bf16, 128, true)
CONV2D(64_bf16, 64, true)
CONV2D(128_unaligned_bf16, 128, false)
CONV2D(64_unaligned_bf16, 64, false)
