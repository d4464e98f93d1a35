// scale.cu: y = factor * x; engine/op/dropout.go.
// Layout   any shape, n elements; y may be x's memory
// Launch   block 256, a thread for four elements at a time, striding over the grid
// Moves    reads and writes n elements, n multiplications: bound by memory
// Twin     engine/backend/reference/dropout.go
#include "elementwise.h"

struct Scaling {
    float factor;
    DEVICE_MEMBER float operator()(float x) const { return factor * x; }
};

KERNEL(256) scale_forward_f32(float *y, const float *x, float factor, int64_t n) { map1(y, x, n, Scaling{factor}); }
KERNEL(256) scale_forward_bf16(bf16 *y, const bf16 *x, float factor, int64_t n) { map1(y, x, n, Scaling{factor}); }
