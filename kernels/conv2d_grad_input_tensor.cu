// conv2d_grad_input_tensor.cu: the products of conv2d_grad_input.cu on the tensor cores, where compute capability is at
// least 8.0; the classes of places are the same.
// Arch compute_80
// Layout   dx: [N, G*C, H, W], w: [G*O, C, K, K], dz: [N, G*O, H', W'] bf16
// Product  as in conv2d_grad_input.cu; tensor_tile.h
// Launch   block 2*side; n along x, m along y, groups and classes along z
// Count    143 GFLOP for AlexNet's conv2 to conv5 at batch 128: 0.14 ms at an H100's 989 TFLOP/s; the gathers of both
//          operands limit at about 470 instructions for a slice: 0.5 of an A100's 312 TFLOP/s, 0.27 of an H100's 989
// Twin     engine/backend/reference/conv2d_grad_input.go
#include "conv2d_tensor.h"

// Transposed is the source of A[m,k] for Pairs: the weight of channel m in map and place k.
struct Transposed {
    typedef int Distance;
    typedef int Position;
    const bf16 *w; // of less than 2^31 elements
    Geometry g;
    const Windows &c; // shared
    int end;

    DEVICE_MEMBER void begin(Range k) { end = k.end; }
    DEVICE_MEMBER Distance distance(int m) const { return m * g.window; }
    DEVICE_MEMBER Position position(int k) const {
        const int map = quotient(k, c.window), place = k - map * c.rows * c.columns, u = quotient(place, c.line),
                  v = place - u * c.columns;
        const int at = ((c.group * g.maps + map) * g.channels * g.kernel + c.row + u * g.stride) * g.kernel + c.column +
                       v * g.stride;
        return k < end ? at : -1;
    }
    DEVICE_MEMBER uint32_t element(Distance d, Position k) const { return ::element(w, d + k, k >= 0); }
};

// Scattered writes the places of a class, each of which is one class's only.
struct Scattered {
    bf16 *dx;
    Geometry g;
    const Windows &c; // shared

    DEVICE_MEMBER bool begin(int n) {
        const int number = n / (c.height * c.width), place = n - number * c.height * c.width, q = place / c.width;
        const int h = c.first_h + q * g.stride, w = c.first_w + (place - q * c.width) * g.stride;
        dx += ((int64_t)number * g.groups + c.group) * g.channels * g.area + h * g.width + w;
        return n < c.places;
    }
    DEVICE_MEMBER void operator()(int m, float sum) const { store(dx + m * g.area, sum); }
};

template <int side> DEVICE void gradient(bf16 *dx, const bf16 *w, const bf16 *dz, const Geometry &g, int batch) {
    __shared__ Windows c;
    if (threadIdx.x == 0) {
        (Class &)c = class_of(g, blockIdx.z / g.groups), c.group = blockIdx.z % g.groups;
        c.places = batch * c.height * c.width;
        // A class without weights has a gradient of zero: the stride is larger than the kernel. It divides nothing.
        c.window = fast_divisor_of(c.rows * c.columns > 0 ? c.rows * c.columns : 1),
        c.line = fast_divisor_of(c.columns > 0 ? c.columns : 1);
    }
    __syncthreads();
    if ((int)blockIdx.x * side >= c.places) return;
    const Pairs<side, Transposed> left(Transposed{w, g, c, 0});
    const Octets<side, Unfolded<Output>> right(
        Unfolded<Output>{{dz + (int64_t)c.group * g.maps * g.out_area, g, c}, {}, 0});
    const Scattered write = {dx, g, c};
    tensor_product<side>(left, right, write, blockIdx.y * side, blockIdx.x * side, g.channels, c.places,
                         Range{0, g.maps * c.rows * c.columns});
}

#define CONV2D_GRAD_INPUT(name, side)                                                                                  \
    KERNEL_TWICE(2 * side)                                                                                             \
    conv2d_grad_input_tensor_##name(bf16 *dx, const bf16 *w, const bf16 *dz, int groups, int channels, int height,     \
                                    int width, int maps, int out_height, int out_width, int kernel, int stride,        \
                                    int pad, int batch) {                                                              \
        const Geometry g =                                                                                             \
            geometry(groups, channels, height, width, maps, out_height, out_width, kernel, stride, pad);               \
        gradient<side>(dx, w, dz, g, batch);                                                                           \
    }

CONV2D_GRAD_INPUT(128_bf16, 128)
CONV2D_GRAD_INPUT(64_bf16, 64)
