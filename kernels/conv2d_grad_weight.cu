// conv2d_grad_weight.cu: the gradient of convolution with respect to its weight; formula in engine/op/conv2d.go. The
// gradient of the bias and the sum of the parts are in reduce.cu.
// Layout   x: [N, G*C, H, W], dz: [N, G*O, H', W'], T is f32 or bf16; parts: [splits, G*O, C, K, K] f32, dw itself for
//          one split
// Product  of each group: m the O maps, n the C*K*K weights of a map, k the N*H'*W' places, divided into splits; tile.h
// Launch   block 256; n along x, m along y, groups and splits along z
// Count    as many operations as forward: 170 GFLOP for AlexNet at batch 128, 2.5 ms at an H100's 67 TFLOP/s
// Twin     engine/backend/reference/conv2d_grad_weight.go
#include "conv2d.h"

// Images are A[m,k]: the gradient of map m at place k.
template <class T> struct Images {
    static const bool along_k = true;
    typedef int64_t Position;
    const T *dz;
    Geometry g;
    FastDivisor image; // by out_area
    int at[tile_lines];

    DEVICE_MEMBER void begin(int i, int m, int rows) { at[i] = m < rows ? m * g.out_area : -1; }
    DEVICE_MEMBER Position position(int k) const {
        const int number = quotient(k, image);
        return (int64_t)number * (g.groups * g.maps - 1) * g.out_area +
               k; // k counts an image's places, and memory its maps too
    }
    DEVICE_MEMBER float element(int i, Position p) const { return at[i] < 0 ? 0.f : load(dz + at[i] + p); }
};

// Met is B[k,n]: the input that weight n of a map meets at place k.
template <class T> struct Met {
    static const bool along_k = true;
    struct Position {
        int top, left;
        int64_t start; // of the window's corner, which may lie outside
    };
    const T *x;
    Geometry g;
    FastDivisor image, row, window, side;
    int at[tile_lines], place[tile_lines]; // of the window's corner and in the window, u * 65536 + v; or -1

    DEVICE_MEMBER void begin(int i, int n, int columns) {
        const int channel = quotient(n, window), weight = n - channel * g.window, u = quotient(weight, side),
                  v = weight - u * g.kernel;
        at[i] = channel * g.area + u * g.width + v;
        place[i] = n < columns ? u << 16 | v : -1;
    }
    DEVICE_MEMBER Position position(int k) const {
        const int number = quotient(k, image), place = k - number * g.out_area, i = quotient(place, row);
        Position p = {i * g.stride - g.pad, (place - i * g.out_width) * g.stride - g.pad};
        p.start = (int64_t)number * g.groups * g.channels * g.area + p.top * g.width + p.left;
        return p;
    }
    DEVICE_MEMBER float element(int i, const Position &p) const {
        const int h = p.top + (place[i] >> 16), w = p.left + (place[i] & 0xffff);
        const bool inside = place[i] >= 0 && (unsigned)h < (unsigned)g.height && (unsigned)w < (unsigned)g.width;
        return inside ? load(x + p.start + at[i]) : 0.f;
    }
};

template <int side, int depth, class T>
DEVICE void gradient(float *parts, const T *x, const T *dz, const Geometry &g, int places, int splits,
                     const FastDivisor &image, const FastDivisor &row, const FastDivisor &window,
                     const FastDivisor &kernel) {
    const int group = blockIdx.z % g.groups, split = blockIdx.z / g.groups, length = g.channels * g.window;
    Images<T> left = {dz + (int64_t)group * g.maps * g.out_area, g, image};
    Met<T> right = {x + (int64_t)group * g.channels * g.area, g, image, row, window, kernel};
    Plain write = {parts + ((int64_t)split * g.groups + group) * g.maps * length, length};
    product<side, depth>(left, right, write, blockIdx.y * side, blockIdx.x * side, g.maps, length,
                         range_of(places, splits, split, depth));
}

#define CONV2D_GRAD_WEIGHT(T, name, side, depth)                                                                       \
    KERNEL_ONCE(tile_threads)                                                                                          \
    conv2d_grad_weight_##side##_##name(float *parts, const T *x, const T *dz, int groups, int channels, int height,    \
                                       int width, int maps, int out_height, int out_width, int kernel, int stride,     \
                                       int pad, int places, int splits, uint32_t image, int image_shift, uint32_t row, \
                                       int row_shift, uint32_t window, int window_shift, uint32_t kernels,             \
                                       int kernels_shift) {                                                            \
        const Geometry g =                                                                                             \
            geometry(groups, channels, height, width, maps, out_height, out_width, kernel, stride, pad);               \
        gradient<side, depth>(parts, x, dz, g, places, splits, fast_divisor(g.out_area, image, image_shift),           \
                              fast_divisor(out_width, row, row_shift), fast_divisor(g.window, window, window_shift),   \
                              fast_divisor(kernel, kernels, kernels_shift));                                           \
    }

CONV2D_GRAD_WEIGHT(float, f32, 128, 8)
CONV2D_GRAD_WEIGHT(float, f32, 64, 16)
CONV2D_GRAD_WEIGHT(bf16, bf16, 128, 8)
CONV2D_GRAD_WEIGHT(bf16, bf16, 64, 16)
