// conv2d_grad_weight.cu: the gradient of convolution with respect to its weight; formula in engine/op/conv2d.go. The
// gradient of the bias and the sum of the parts are in reduce.cu.
// Layout   x: [N, H, W, G*C], dz: [N, H', W', G*O], T is f32 or bf16; parts: [splits, G*O, K, K, weight_channels] f32,
//          zero beyond C; dw itself for one split
// Product  of each group: m the O maps, n the weights of a map, k the N*H'*W' places, divided into splits; tile.h
// Launch   block 256; n along x, m along y, groups and splits along z
// Count    as many operations as forward: 170 GFLOP for AlexNet at batch 128, 2.5 ms at an H100's 67 TFLOP/s
// Twin     engine/backend/reference/conv2d_grad_weight.go
#include "conv2d.h"

// Maps are A[m,k]: the gradient of map m at place k.
template <class T, bool four> struct Maps {
    typedef T Element;
    typedef int64_t Position;
    static const bool along_k = false, quads = four;
    static const int lines = 1;
    const T *dz;
    Conv2D p;
    int group, map; // map: of all groups

    DEVICE_MEMBER void begin(int, int m, int maps) { map = group * maps + min(m, maps - (four ? 4 : 1)); }
    DEVICE_MEMBER Position position(int k) const { return (int64_t)k * (p.groups * p.maps); }
    DEVICE_MEMBER bool find(int, Position k, const T *&from) const {
        from = dz + (k + map);
        return true;
    }
};

// Met is B[k,n]: the input that weight n of a map meets at place k. A thread's elements are of one place, side by side
// or not, as a place takes divisions to find.
template <class T, bool four> struct Met {
    typedef T Element;
    struct Position {
        int top, left;
        int64_t corner; // of the window, which may lie outside
    };
    static const bool along_k = !four, quads = four;
    static const int lines = four ? 1 : tile_lines;
    const T *x;
    Conv2D p;
    const Line *block; // from the corner of the window
    int first;
    const Line *own[lines];

    DEVICE_MEMBER void begin(int i, int n, int) { own[i] = block + (n - first); }
    DEVICE_MEMBER Position position(int k) const {
        const int number = quotient(k, p.area), place = k - number * (int)p.area.divisor, row = quotient(place, p.row),
                  pixel = p.groups * p.channels;
        Position at = {row * p.stride - p.pad, (place - row * p.out_width) * p.stride - p.pad};
        at.corner = (int64_t)number * (p.height * p.width * pixel) + (at.top * p.width + at.left) * pixel;
        return at;
    }
    DEVICE_MEMBER bool find(int i, const Position &k, const T *&from) const {
        const Line l = *own[i];
        const int h = k.top + l.down, w = k.left + l.right;
        from = x + (k.corner + l.start);
        return (unsigned)h < (unsigned)p.height && (unsigned)w < (unsigned)p.width;
    }
};

// weight_of is where weight n of a map lies in the window.
DEVICE Line weight_of(const Conv2D &p, int group, int n) {
    const int weight = n / p.weight_channels, channel = n - weight * p.weight_channels, u = weight / p.kernel,
              v = weight - u * p.kernel;
    Line l = {(u * p.width + v) * (p.groups * p.channels) + group * p.channels + channel, u, v};
    if (channel >= p.channels || u >= p.kernel) l.down = p.height + p.pad; // nothing is met there
    return l;
}

// Parts writes a part of k's sum.
template <bool in_fours> struct Parts {
    static const bool quads = in_fours;
    float *parts; // of the group
    Conv2D p;

    DEVICE_MEMBER float *at(int m, int n) const { return parts + (m * p.kernel * p.kernel * p.weight_channels + n); }
    DEVICE_MEMBER void operator()(int m, int n, float sum) const { *at(m, n) = sum; }
    DEVICE_MEMBER void four(int m, int n, const Four &sums) const { store4(at(m, n), sums); }
};

template <int side, int depth, bool quads, class T>
DEVICE void gradient(float *parts, const T *x, const T *dz, const Conv2D &p) {
    const int group = blockIdx.z % p.groups, split = blockIdx.z / p.groups,
              length = p.kernel * p.kernel * p.weight_channels;
    Maps<T, quads> left = {dz, p, group};
    const int n = blockIdx.x * side;
    const Line *block = kept<Line, side>([&](int i) { return weight_of(p, group, n + i); });
    Met<T, quads> right = {x, p, block, n};
    Parts<quads> write = {parts + ((int64_t)split * p.groups + group) * p.maps * length, p};
    product<side, depth>(left, right, write, blockIdx.y * side, n, p.maps, length,
                         range_of(p.images * (int)p.area.divisor, p.splits, split, depth));
}

#define CONV2D_GRAD_WEIGHT(T, name, side, depth)                                                                       \
    KERNEL_TWICE(tile_threads)                                                                                         \
    conv2d_grad_weight_##side##_##name(float *parts, const T *x, const T *dz, Conv2D p) {                              \
        if (in_quads(p)) gradient<side, depth, true>(parts, x, dz, p);                                                 \
        else gradient<side, depth, false>(parts, x, dz, p);                                                            \
    }

CONV2D_GRAD_WEIGHT(float, f32, 128, 8)
CONV2D_GRAD_WEIGHT(float, f32, 64, 16)
CONV2D_GRAD_WEIGHT(bf16, bf16, 128, 8)
CONV2D_GRAD_WEIGHT(bf16, bf16, 64, 16)
