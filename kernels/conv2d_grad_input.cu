// conv2d_grad_input.cu: the gradient of convolution with respect to its input; formula in engine/op/conv2d.go.
// Layout   dx: [N, H, W, G*C], w: [G*O, K, K, C] in rows of weight_channels, dz: [N, H', W', G*O]; T is f32 or bf16;
//          mask: as dx, or null: where it is not above 0, dx is 0
// Classes  place h of the input meets weight u only where h+pad-u is a multiple of the stride. So the places fall into
//          stride x stride classes by (h+pad, w+pad) modulo the stride, each with the weights of its own residues, and
//          each class is a product of its own: no product is with a zero that the stride brings in, and an index of the
//          output is a difference
// Product  of each group and class: m the places of the class in all images, n the C channels, k the weights of the
//          class by the O maps; tile.h
// Launch   block 256; m along x, n along y, groups and classes along z
// Count    as many operations as forward: 143 GFLOP for AlexNet's conv2 to conv5 at batch 128, 2.1 ms at an H100's 67
//          TFLOP/s
// Twin     engine/backend/reference/conv2d_grad_input.go
#include "conv2d.h"

// Work is a block's class, and what is divided by.
struct Work : Class {
    FastDivisor by_maps, by_columns, by_area, by_width; // columns of weights; area and width of the places
};

DEVICE Work work_of(const Conv2D &p, int number) {
    Work c;
    (Class &)c = class_of(p, number);
    // A class without weights has a gradient of zero: the stride is larger than the kernel. It divides nothing.
    c.by_maps = fast_divisor_of(p.maps), c.by_columns = fast_divisor_of(max(c.columns, 1));
    c.by_area = fast_divisor_of(max(c.height * c.width, 1)), c.by_width = fast_divisor_of(max(c.width, 1));
    return c;
}

// Gathered is A[m,k]: the gradient of the output that place m had a part in by weight k.
template <class T, bool four> struct Gathered {
    typedef T Element;
    struct Position {
        int u, v, at; // at: from the output that the class's first weight meets
    };
    static const bool along_k = true, quads = four;
    static const int lines = four ? 1 : tile_lines;
    const T *dz; // of the group
    Conv2D p;
    const Work *c;
    const Line *block; // from the output that the class's first weight meets
    int first;
    const Line *own[lines];

    DEVICE_MEMBER void begin(int i, int m, int) { own[i] = block + (m - first); }
    DEVICE_MEMBER Position position(int k) const {
        const int weight = quotient(k, c->by_maps), map = k - weight * p.maps, u = quotient(weight, c->by_columns),
                  v = weight - u * c->columns;
        Position at = {u, v, map - (u * p.out_width + v) * (p.groups * p.maps)};
        return at;
    }
    DEVICE_MEMBER bool find(int i, const Position &k, const T *&from) const {
        const Line l = *own[i];
        const int row = l.down - k.u, column = l.right - k.v;
        from = dz + (l.start + k.at);
        return (unsigned)row < (unsigned)p.out_height && (unsigned)column < (unsigned)p.out_width;
    }
};

// met is the output that the class's first weight meets at place m.
DEVICE Line met(const Conv2D &p, const Work &c, int m) {
    const int number = quotient(m, c.by_area), place = m - number * (int)c.by_area.divisor,
              q = quotient(place, c.by_width), pixel = p.groups * p.maps;
    Line l;
    l.down = c.bottom + q;
    l.right = c.right + place - q * c.width;
    l.start = (int64_t)number * (p.out_height * p.out_width * pixel) + (l.down * p.out_width + l.right) * pixel;
    return l;
}

// Transposed is B[k,n]: the weight of channel n at place and map k.
template <class T, bool four> struct Transposed {
    typedef T Element;
    typedef int Position;
    static const bool along_k = false, quads = four;
    static const int lines = 1;
    const T *w; // of the group
    Conv2D p;
    const Work *c;
    int channel;

    DEVICE_MEMBER void begin(int, int n, int channels) { channel = min(n, channels - (four ? 4 : 1)); }
    DEVICE_MEMBER Position position(int k) const {
        const int weight = quotient(k, c->by_maps), map = k - weight * p.maps, u = quotient(weight, c->by_columns),
                  v = weight - u * c->columns;
        return ((map * p.kernel + c->row + u * p.stride) * p.kernel + c->column + v * p.stride) * p.weight_channels;
    }
    DEVICE_MEMBER bool find(int, Position k, const T *&from) const {
        from = w + (channel + k);
        return true;
    }
};

// Scattered writes the places of a class, each of which is one class's only; 0 where the mask, if there is one, is not
// above 0.
template <class T, bool in_fours> struct Scattered {
    static const bool quads = in_fours;
    T *dx; // of the group
    const T *mask;
    Conv2D p;
    const Work *c;

    DEVICE_MEMBER int64_t at(int m, int n) const {
        const int number = quotient(m, c->by_area), place = m - number * (int)c->by_area.divisor,
                  q = quotient(place, c->by_width);
        const int h = c->first_h + q * p.stride, w = c->first_w + (place - q * c->width) * p.stride;
        return (((int64_t)number * p.height + h) * p.width + w) * (p.groups * p.channels) + n;
    }
    DEVICE_MEMBER void operator()(int m, int n, float sum) const {
        const int64_t to = at(m, n);
        store(dx + to, !mask || load(mask + to) > 0.f ? sum : 0.f);
    }
    DEVICE_MEMBER void four(int m, int n, Four sums) const {
        const int64_t to = at(m, n);
        if (mask) {
            const Four y = load4(mask + to);
#pragma unroll
            for (int i = 0; i < 4; i++) sums.v[i] = y.v[i] > 0.f ? sums.v[i] : 0.f;
        }
        store4(dx + to, sums);
    }
};

template <int side, int depth, bool quads, class T>
DEVICE void gradient(T *dx, const T *w, const T *dz, const T *mask, const Conv2D &p) {
    const int group = blockIdx.z % p.groups, m = blockIdx.x * side;
    const Work *c = kept<Work, 1>([&](int) { return work_of(p, blockIdx.z / p.groups); });
    const int rows = p.images * c->height * c->width;
    if (m >= rows) return;
    const Line *block = kept<Line, side>([&](int i) { return met(p, *c, min(m + i, rows - 1)); });
    Gathered<T, quads> left = {dz + group * p.maps, p, c, block, m};
    Transposed<T, quads> right = {w + (int64_t)group * p.maps * p.kernel * p.kernel * p.weight_channels, p, c};
    Scattered<T, quads> write = {dx + group * p.channels, mask ? mask + group * p.channels : mask, p, c};
    Range k = {0, c->rows * c->columns * p.maps};
    product<side, depth>(left, right, write, m, blockIdx.y * side, rows, p.channels, k);
}

#define CONV2D_GRAD_INPUT(T, name, side, depth)                                                                        \
    KERNEL_TWICE(tile_threads)                                                                                         \
    conv2d_grad_input_##side##_##name(T *dx, const T *w, const T *dz, const T *mask, Conv2D p) {                       \
        if (in_quads(p)) gradient<side, depth, true>(dx, w, dz, mask, p);                                              \
        else gradient<side, depth, false>(dx, w, dz, mask, p);                                                         \
    }

CONV2D_GRAD_INPUT(float, f32, 128, 8)
CONV2D_GRAD_INPUT(float, f32, 64, 16)
CONV2D_GRAD_INPUT(bf16, bf16, 128, 8)
CONV2D_GRAD_INPUT(bf16, bf16, 64, 16)
