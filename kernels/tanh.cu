// tanh.cu: the hyperbolic tangent and its gradient; formulas in engine/op/tanh.go.
// Layout   any shape, n elements; y may be x's memory, dx dy's
// Launch   block 256, one thread for four elements at a time, striding over the grid
// Moves    forward reads n and writes n elements; backward reads 2n and writes n. About 20 instructions an element
//          forward: conv1 of AlexNet at batch 128 (37.2 M elements, fp32) moves 298 MB, 0.09 ms at an H100's 3.35 TB/s
// Twin     engine/backend/reference/tanh.go
#include "elementwise.h"

struct Tangent {
    DEVICE_MEMBER float operator()(float x) const { return tanhf(x); }
};

struct TangentGradient {
    DEVICE_MEMBER float operator()(float y, float dy) const { return dy * (1.f - y) * (1.f + y); }
};

KERNEL(256) tanh_forward_f32(float *y, const float *x, int64_t n) { map1(y, x, n, Tangent()); }
KERNEL(256) tanh_forward_bf16(bf16 *y, const bf16 *x, int64_t n) { map1(y, x, n, Tangent()); }
KERNEL(256) tanh_backward_f32(float *dx, const float *y, const float *dy, int64_t n) {
    map2(dx, y, dy, n, TangentGradient());
}
KERNEL(256) tanh_backward_bf16(bf16 *dx, const bf16 *y, const bf16 *dy, int64_t n) {
    map2(dx, y, dy, n, TangentGradient());
}
