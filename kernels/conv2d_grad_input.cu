// conv2d_grad_input.cu: the gradient of convolution with respect to its input; formula in engine/op/conv2d.go.
// Layout   dx: [N, G*C, H, W], w: [G*O, C, K, K], dz: [N, G*O, H', W']; T is f32 or bf16
// Classes  place h of the input meets weight u only where h+pad-u is a multiple of the stride. So the places fall into
//          stride x stride classes by (h+pad, w+pad) modulo the stride, each with the weights of its own residues, and
//          each class is a product of its own: no product is with a zero that the stride brings in, and an index of the
//          output is a difference
// Product  of each group and class: m the C channels, n the places of the class in all images, k the O maps by the
//          weights of the class; tile.h
// Launch   block 256; n along x, m along y, groups and classes along z
// Count    as many operations as forward: 143 GFLOP for AlexNet's conv2 to conv5 at batch 128, 2.1 ms at an H100's 67
//          TFLOP/s
// Twin     engine/backend/reference/conv2d_grad_input.go
#include "conv2d.h"

// Transposed is A[m,k]: the weight of channel m in map and place k.
template <class T> struct Transposed {
    static const bool along_k = true;
    typedef int Position;
    const T *w;
    Geometry g;
    Class c;
    FastDivisor window, row; // by the class's weights, and those of a row
    int at[tile_lines];

    DEVICE_MEMBER void begin(int i, int m, int rows) { at[i] = m < rows ? m * g.window : -1; }
    DEVICE_MEMBER Position position(int k) const {
        const int map = quotient(k, window), place = k - map * c.rows * c.columns, u = quotient(place, row),
                  v = place - u * c.columns;
        return (map * g.channels * g.kernel + c.row + u * g.stride) * g.kernel + c.column + v * g.stride;
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
    Class c;
    FastDivisor window, row;
    int64_t start;
    int bottom, right;

    DEVICE_MEMBER void begin(int, int n, int columns) {
        const int number = n / (c.height * c.width), place = n - number * c.height * c.width, q = place / c.width;
        start = (int64_t)number * g.groups * g.maps * g.out_area;
        bottom = n < columns ? c.bottom + q : -g.kernel; // nothing is met there
        right = c.right + place - q * c.width;
    }
    DEVICE_MEMBER Position position(int k) const {
        const int map = quotient(k, window), place = k - map * c.rows * c.columns, u = quotient(place, row);
        Position p = {u, place - u * c.columns, (int64_t)map * g.out_area};
        return p;
    }
    DEVICE_MEMBER float element(int, const Position &p) const {
        const int i = bottom - p.u, j = right - p.v;
        const bool inside = (unsigned)i < (unsigned)g.out_height && (unsigned)j < (unsigned)g.out_width;
        return inside ? load(dz + start + p.plane + i * g.out_width + j) : 0.f;
    }
};

// Scattered writes the places of a class, each of which is one class's only.
template <class T> struct Scattered {
    T *dx;
    Geometry g;
    Class c;
    FastDivisor image, row;

    DEVICE_MEMBER void operator()(int m, int n, float sum) const {
        const int number = quotient(n, image), place = n - number * c.height * c.width, q = quotient(place, row);
        const int h = c.first_h + q * g.stride, w = c.first_w + (place - q * c.width) * g.stride;
        store(dx + ((int64_t)number * g.groups * g.channels + m) * g.area + h * g.width + w, sum);
    }
};

template <int side, int depth, class T>
DEVICE void gradient(T *dx, const T *w, const T *dz, const Geometry &g, int batch) {
    const int group = blockIdx.z % g.groups;
    const Class c = class_of(g, blockIdx.z / g.groups);
    const int columns = batch * c.height * c.width, weights = c.rows * c.columns;
    if ((int)blockIdx.x * side >= columns) return;
    // A class without weights has a gradient of zero: the stride is larger than the kernel. It divides nothing.
    const FastDivisor window = fast_divisor_of(weights > 0 ? weights : 1),
                      row = fast_divisor_of(c.columns > 0 ? c.columns : 1);
    Transposed<T> left = {w + (int64_t)group * g.maps * g.channels * g.window, g, c, window, row};
    Gathered<T> right = {dz + (int64_t)group * g.maps * g.out_area, g, c, window, row};
    Scattered<T> write = {dx + (int64_t)group * g.channels * g.area, g, c, fast_divisor_of(c.height * c.width),
                          fast_divisor_of(c.width)};
    Range k = {0, g.maps * weights};
    product<side, depth>(left, right, write, blockIdx.y * side, blockIdx.x * side, g.channels, columns, k);
}

#define CONV2D_GRAD_INPUT(T, name, side, depth)                                                                        \
    KERNEL_ONCE(tile_threads)                                                                                          \
    conv2d_grad_input_##side##_##name(T *dx, const T *w, const T *dz, int groups, int channels, int height, int width, \
                                      int maps, int out_height, int out_width, int kernel, int stride, int pad,        \
                                      int batch) {                                                                     \
        const Geometry g =                                                                                             \
            geometry(groups, channels, height, width, maps, out_height, out_width, kernel, stride, pad);               \
        gradient<side, depth>(dx, w, dz, g, batch);                                                                    \
    }

CONV2D_GRAD_INPUT(float, f32, 128, 8)
CONV2D_GRAD_INPUT(float, f32, 64, 16)
CONV2D_GRAD_INPUT(bf16, bf16, 128, 8)
CONV2D_GRAD_INPUT(bf16, bf16, 64, 16)
