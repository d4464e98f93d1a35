// conv2d.cu: convolution with bias and rectifier, as a product with the unfolded input; formula in engine/op/conv2d.go.
// Layout   x: [N, H, W, G*C], w: [G*O, K, K, C] in rows of weight_channels, b: [G*O] f32, y: [N, H', W', G*O]; T is f32
//          or bf16
// Product  of each group: m the N*H'*W' places, n the O maps, k the K*K*C weights of a map; tile.h
// Launch   block 256; m along x, n along y, groups along z
// Count    2*N*G*O*H'*W'*C*K*K operations. AlexNet at batch 128, both towers, GFLOP: conv1 27.0, conv2 57.3, conv3
//          38.3, conv4 28.7, conv5 19.1; together 170: 2.5 ms at an H100's 67 TFLOP/s without tensor cores. Bytes, f32:
//          conv1 228 MB, conv2 99, conv3 55, conv4 70, conv5 58 with each tensor counted once: 0.15 ms at 3.35 TB/s, so
//          the limit is arithmetic
// Twin     engine/backend/reference/conv2d.go
#include "conv2d.h"

// Unfolded is A[m,k]: the input that weight k of a map meets at place m of the output.
template <class T, bool four> struct Unfolded {
    typedef T Element;
    struct Position {
        int u, v, at; // at: from the window's corner
    };
    static const bool along_k = true, quads = four;
    static const int lines = four ? 1 : tile_lines;
    const T *x; // of the group
    Conv2D p;
    const FastDivisor *by; // channels and kernel
    const Line *block;     // the block's, of the corners of windows, which may lie outside
    int first;
    const Line *own[lines];

    DEVICE_MEMBER Line line_of(int m) const {
        const int number = quotient(m, p.area), place = m - number * (int)p.area.divisor, row = quotient(place, p.row),
                  pixel = p.groups * p.channels;
        Line l;
        l.down = row * p.stride - p.pad;
        l.right = (place - row * p.out_width) * p.stride - p.pad;
        l.start = (int64_t)number * (p.height * p.width * pixel) + (l.down * p.width + l.right) * pixel;
        return l;
    }
    DEVICE_MEMBER void begin(int i, int m, int) { own[i] = block + (m - first); }
    DEVICE_MEMBER Position position(int k) const {
        const int weight = quotient(k, by[0]), channel = k - weight * p.channels, u = quotient(weight, by[1]),
                  v = weight - u * p.kernel;
        Position at = {u, v, (u * p.width + v) * (p.groups * p.channels) + channel};
        return at;
    }
    DEVICE_MEMBER bool find(int i, const Position &k, const T *&from) const {
        const Line l = *own[i];
        const int h = l.down + k.u, w = l.right + k.v;
        from = x + (l.start + k.at);
        return (unsigned)h < (unsigned)p.height && (unsigned)w < (unsigned)p.width;
    }
};

// Weights are B[k,n]: weight k of map n.
template <class T, bool four> struct Weights {
    typedef T Element;
    typedef int Position;
    static const bool along_k = true, quads = four;
    static const int lines = four ? 1 : tile_lines;
    const T *w; // of the group
    int length; // of a map's weights in memory
    Conv2D p;
    const FastDivisor *by; // channels
    int at[lines];

    DEVICE_MEMBER void begin(int i, int n, int columns) { at[i] = min(n, columns - 1) * length; }
    DEVICE_MEMBER Position position(int k) const {
        const int weight = quotient(k, by[0]);
        return weight * p.weight_channels + (k - weight * p.channels);
    }
    DEVICE_MEMBER bool find(int i, Position k, const T *&from) const {
        from = w + (at[i] + k);
        return true;
    }
};

// Biased writes y with the bias and the rectifier.
template <class T, bool in_fours> struct Biased {
    static const bool quads = in_fours;
    T *y; // of the group
    const float *bias;
    Conv2D p;

    DEVICE_MEMBER float value(int n, float sum) const {
        sum += bias[n];
        return p.relu && sum < 0.f ? 0.f : sum;
    }
    DEVICE_MEMBER void operator()(int m, int n, float sum) const {
        store(y + (int64_t)m * (p.groups * p.maps) + n, value(n, sum));
    }
    DEVICE_MEMBER void four(int m, int n, Four sums) const {
#pragma unroll
        for (int i = 0; i < 4; i++) sums.v[i] = value(n + i, sums.v[i]);
        store4(y + (int64_t)m * (p.groups * p.maps) + n, sums);
    }
};

template <int side, int depth, bool quads, class T>
DEVICE void convolve(T *y, const T *x, const T *w, const float *b, const Conv2D &p) {
    const int group = blockIdx.z, length = p.kernel * p.kernel * p.weight_channels, m = blockIdx.x * side,
              rows = p.images * (int)p.area.divisor;
    const FastDivisor *by = kept<FastDivisor, 2>([&](int i) { return fast_divisor_of(i ? p.kernel : p.channels); });
    Unfolded<T, quads> left = {x + group * p.channels, p, by};
    left.first = m;
    left.block = kept<Line, side>([&](int i) { return left.line_of(min(m + i, rows - 1)); });
    Weights<T, quads> right = {w + (int64_t)group * p.maps * length, length, p, by};
    Biased<T, quads> write = {y + group * p.maps, b + group * p.maps, p};
    Range k = {0, p.kernel * p.kernel * p.channels};
    product<side, depth>(left, right, write, m, blockIdx.y * side, rows, p.maps, k);
}

#define CONV2D(T, name, side, depth)                                                                                   \
    KERNEL_TWICE(tile_threads)                                                                                         \
    conv2d_forward_##side##_##name(T *y, const T *x, const T *w, const float *b, Conv2D p) {                           \
        if (in_quads(p)) convolve<side, depth, true>(y, x, w, b, p);                                                   \
        else convolve<side, depth, false>(y, x, w, b, p);                                                              \
    }

CONV2D(float, f32, 128, 8)
CONV2D(float, f32, 64, 16)
CONV2D(bf16, bf16, 128, 8)
CONV2D(bf16, bf16, 64, 16)
