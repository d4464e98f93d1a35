// relu.cu: the rectifier and its gradient; formulas in engine/op/relu.go.
// Layout   any shape, n elements; y may be x's memory, dx dy's
// Launch   block 256, one thread for four elements at a time, striding over the grid
// Moves    forward reads n and writes n elements; backward reads 2n and writes n. No arithmetic worth counting:
//          conv1 of AlexNet at batch 128 (37.2 M elements, fp32) is bound by 298 MB, 0.09 ms at an H100's 3.35 TB/s
// Twin     engine/backend/reference/relu.go
#include "elementwise.h"

struct Rectify {
    // A NaN stays one, as in PyTorch.
    DEVICE_MEMBER float operator()(float x) const { return x < 0.f ? 0.f : x; }
};

struct RectifyGradient {
    DEVICE_MEMBER float operator()(float y, float dy) const { return y > 0.f ? dy : 0.f; }
};

KERNEL(256) relu_forward_f32(float *y, const float *x, int64_t n) { map1(y, x, n, Rectify()); }
KERNEL(256) relu_forward_bf16(bf16 *y, const bf16 *x, int64_t n) { map1(y, x, n, Rectify()); }
KERNEL(256) relu_backward_f32(float *dx, const float *y, const float *dy, int64_t n) {
    map2(dx, y, dy, n, RectifyGradient());
}
KERNEL(256) relu_backward_bf16(bf16 *dx, const bf16 *y, const bf16 *dy, int64_t n) {
    map2(dx, y, dy, n, RectifyGradient());
}
