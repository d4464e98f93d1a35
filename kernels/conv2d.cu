// conv2d.cu: convolution with bias and rectifier, as a product with the unfolded input; formula in engine/op/conv2d.go.
// Layout   x: [N, G*C, H, W], w: [G*O, C, K, K], b: [G*O] f32, y: [N, G*O, H', W']; T is f32 or bf16
// Product  of each group: m the O maps, n the N*H'*W' places, k the C*K*K weights of a map; tile.h
// Launch   block 256; n along x, m along y, groups along z
// Count    2*N*G*O*H'*W'*C*K*K operations. AlexNet at batch 128, both towers, GFLOP: conv1 27.0, conv2 57.3, conv3
//          38.3, conv4 28.7, conv5 19.1; together 170: 2.5 ms at an H100's 67 TFLOP/s without tensor cores. Bytes, f32:
//          conv1 228 MB, conv2 99, conv3 55, conv4 70, conv5 58 with each tensor counted once: 0.15 ms at 3.35 TB/s, so
//          the limit is arithmetic
// Twin     engine/backend/reference/conv2d.go
#include "conv2d.h"

// Unfolded is B[k,n]: the place of the input that weight k of a map meets at place n of the output.
template <class T> struct Unfolded {
    static const bool along_k = false;
    struct Position {
        int u, v;
        int64_t plane;
    };
    const T *x;
    Geometry g;
    FastDivisor image, row, window, side; // by out_area, out_width, kernel*kernel, kernel
    int64_t start;                        // of the image's group
    int top, left;
    bool valid;

    DEVICE_MEMBER void begin(int, int n, int columns) { // a thread has one column
        valid = n < columns;
        const int number = valid ? (int)quotient(n, image) : 0, place = valid ? n - number * g.out_area : 0,
                  i = quotient(place, row);
        start = (int64_t)number * g.groups * g.channels * g.area;
        top = i * g.stride - g.pad;
        left = (place - i * g.out_width) * g.stride - g.pad;
    }
    DEVICE_MEMBER Position position(int k) const {
        const int channel = quotient(k, window), place = k - channel * g.window, u = quotient(place, side);
        Position p = {u, place - u * g.kernel, (int64_t)channel * g.area};
        return p;
    }
    DEVICE_MEMBER float element(int, const Position &p) const {
        const int h = top + p.u, w = left + p.v;
        const bool inside = valid && (unsigned)h < (unsigned)g.height && (unsigned)w < (unsigned)g.width;
        return inside ? load(x + start + p.plane + h * g.width + w) : 0.f;
    }
};

// Biased writes y with the bias and the rectifier.
template <class T> struct Biased {
    T *y; // of the group in the first image
    const float *bias;
    Geometry g;
    FastDivisor image;
    int relu;

    DEVICE_MEMBER void operator()(int m, int n, float sum) const {
        const int number = quotient(n, image), place = n - number * g.out_area;
        sum += bias[m];
        if (relu && sum < 0.f) sum = 0.f;
        store(y + ((int64_t)number * g.groups * g.maps + m) * g.out_area + place, sum);
    }
};

template <int side, int depth, class T>
DEVICE void convolve(T *y, const T *x, const T *w, const float *b, const Geometry &g, int columns,
                     const FastDivisor &image, const FastDivisor &row, const FastDivisor &window,
                     const FastDivisor &kernel, int relu) {
    const int group = blockIdx.z, length = g.channels * g.window;
    Weights<T> left = {w + (int64_t)group * g.maps * length, length};
    Unfolded<T> right = {x + (int64_t)group * g.channels * g.area, g, image, row, window, kernel};
    Biased<T> write = {y + (int64_t)group * g.maps * g.out_area, b + group * g.maps, g, image, relu};
    Range k = {0, length};
    product<side, depth>(left, right, write, blockIdx.y * side, blockIdx.x * side, g.maps, columns, k);
}

#define CONV2D(T, name, side, depth)                                                                                   \
    KERNEL_ONCE(tile_threads)                                                                                          \
    conv2d_forward_##side##_##name(T *y, const T *x, const T *w, const float *b, int groups, int channels, int height, \
                                   int width, int maps, int out_height, int out_width, int kernel, int stride,         \
                                   int pad, int columns, uint32_t image, int image_shift, uint32_t row, int row_shift, \
                                   uint32_t window, int window_shift, uint32_t kernels, int kernels_shift, int relu) { \
        const Geometry g =                                                                                             \
            geometry(groups, channels, height, width, maps, out_height, out_width, kernel, stride, pad);               \
        convolve<side, depth>(y, x, w, b, g, columns, fast_divisor(g.out_area, image, image_shift),                    \
                              fast_divisor(out_width, row, row_shift), fast_divisor(g.window, window, window_shift),   \
                              fast_divisor(kernel, kernels, kernels_shift), relu);                                     \
    }

CONV2D(float, f32, 128, 8)
CONV2D(float, f32, 64, 16)
CONV2D(bf16, bf16, 128, 8)
CONV2D(bf16, bf16, 64, 16)
