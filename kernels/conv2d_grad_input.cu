// conv2d_grad_input.cu: the gradient of convolution with respect to its input; formula in engine/op/conv2d.go.
// Layout   dx: [N, G*C, H, W], w: [G*O, C, K, K], dz: [N, G*O, H', W']; T is f32 or bf16
// Product  of each group: m the C channels, n the N*H*W places of the input, k the O*K*K weights of a channel; tile.h. It
//          gathers: with a stride above 1, only one in stride^2 of the products is not with zero (the first layer's gradient,
//          AlexNet's only such layer, is never asked for)
// Launch   block 256; n along x, m along y, groups along z
// Count    as many operations as forward: 143 GFLOP for AlexNet's conv2 to conv5 at batch 128, 2.1 ms at an H100's 67 TFLOP/s
// Twin     engine/backend/reference/conv2d_grad_input.go
#include "conv2d.h"

// Transposed is A[m,k]: the weight of channel m at place (o, u, v).
template <class T> struct Transposed {
    static const bool along_k = true;
    typedef int64_t Position;
    const T *w;
    Geometry g;
    Divider window;
    int at[tile_lines];

    DEVICE_MEMBER void begin(int i, int m, int rows) { at[i] = m < rows ? m * g.window : -1; }
    DEVICE_MEMBER Position position(int k) const {
        const int map = quotient(k, window);
        return (int64_t)map * g.channels * g.window + (k - map * g.window);
    }
    DEVICE_MEMBER float element(int i, Position k) const { return at[i] < 0 ? 0.f : load(w + at[i] + k); }
};

// Gathered is B[k,n]: the gradient of the output that place n had a part in by weight k.
template <class T> struct Gathered {
    static const bool along_k = false;
    struct Position {
        int u, v;
        int64_t plane;
    };
    const T *dz;
    Geometry g;
    Divider image, row, window, side, stride; // by area, width, kernel*kernel, kernel, stride
    int64_t start;
    int bottom, right;
    bool valid;

    DEVICE_MEMBER void begin(int, int n, int columns) {
        valid = n < columns;
        const int number = valid ? (int)quotient(n, image) : 0, place = valid ? n - number * g.area : 0, h = quotient(place, row);
        start = (int64_t)number * g.groups * g.maps * g.out_area;
        bottom = h + g.pad;
        right = place - h * g.width + g.pad;
    }
    DEVICE_MEMBER Position position(int k) const {
        const int map = quotient(k, window), place = k - map * g.window, u = quotient(place, side);
        Position p = {u, place - u * g.kernel, (int64_t)map * g.out_area};
        return p;
    }
    DEVICE_MEMBER float element(int, const Position &p) const {
        const int h = bottom - p.u, w = right - p.v;
        if (!valid || h < 0 || w < 0) return 0.f;
        const int i = quotient(h, stride), j = quotient(w, stride);
        const bool met = i * g.stride == h && j * g.stride == w && i < g.out_height && j < g.out_width;
        return met ? load(dz + start + p.plane + i * g.out_width + j) : 0.f;
    }
};

template <class T> struct Scattered {
    T *dx;
    Geometry g;
    Divider image;

    DEVICE_MEMBER void operator()(int m, int n, float sum) const {
        const int number = quotient(n, image), place = n - number * g.area;
        store(dx + ((int64_t)number * g.groups * g.channels + m) * g.area + place, sum);
    }
};

template <int side, int depth, class T>
DEVICE void gradient(T *dx, const T *w, const T *dz, const Geometry &g, int columns, const Divider &image, const Divider &row,
                     const Divider &window, const Divider &kernel, const Divider &stride) {
    const int group = blockIdx.z;
    Transposed<T> left = {w + (int64_t)group * g.maps * g.channels * g.window, g, window};
    Gathered<T> right = {dz + (int64_t)group * g.maps * g.out_area, g, image, row, window, kernel, stride};
    Scattered<T> write = {dx + (int64_t)group * g.channels * g.area, g, image};
    Range k = {0, g.maps * g.window};
    product<side, depth>(left, right, write, blockIdx.y * side, blockIdx.x * side, g.channels, columns, k);
}

#define CONV2D_GRAD_INPUT(T, name, side, depth)                                                                                         \
    KERNEL_ONCE(256) conv2d_grad_input_##side##_##name(                                                                                \
        T *dx, const T *w, const T *dz, int groups, int channels, int height, int width, int maps, int out_height, int out_width,        \
        int kernel, int stride, int pad, int columns, uint32_t image, int image_shift, uint32_t row, int row_shift, uint32_t window,     \
        int window_shift, uint32_t kernels, int kernels_shift, uint32_t strides, int strides_shift) {                                   \
        const Geometry g = geometry(groups, channels, height, width, maps, out_height, out_width, kernel, stride, pad);                 \
        gradient<side, depth>(dx, w, dz, g, columns, divider(g.area, image, image_shift), divider(width, row, row_shift),                \
                              divider(g.window, window, window_shift), divider(kernel, kernels, kernels_shift),                         \
                              divider(stride, strides, strides_shift));                                                                 \
    }

CONV2D_GRAD_INPUT(float, f32, 128, 8)
CONV2D_GRAD_INPUT(float, f32, 64, 16)
CONV2D_GRAD_INPUT(bf16, bf16, 128, 8)
CONV2D_GRAD_INPUT(bf16, bf16, 64, 16)
