// finish.cu: the parts of the gradients of weights and bias, as the tensor cores' kernels make them, added up.
// Layout   dw: [maps, row] f32, a row being inputs or [side, side, width] of a convolution, a multiple of 8 either way;
//          db: [maps] or null; parts: [splits, maps, row], bias_parts: [splits, maps]
// Launch   block 256 over fours of dw, then over db, striding
// Moves    reads splits*4 bytes an element and writes 4
// Order    parts in ascending order. What is padding of patched weights (conv2d.go) has a gradient of zero
#include "elementwise.h"

// Finish says how many parts there are of what. Of weights that are not patched, block is 0 and what follows is not
// looked at. conv2d.go has its twin.
struct Finish {
    int64_t length; // of dw
    int maps, splits;
    int block, channels, kernel, side, width;
};

// there says whether element i of patched weights is one.
DEVICE bool there(const Finish &f, int64_t i) {
    const int d = i % f.width, window = i / f.width % (f.side * f.side), u = window / f.side, v = window % f.side;
    return d < f.block * f.block * f.channels && u * f.block + d / (f.block * f.channels) < f.kernel &&
           v * f.block + d / f.channels % f.block < f.kernel;
}

KERNEL(256)
finish_gradients(float *dw, float *db, const float *parts, const float *bias_parts, Finish p) {
    for (int64_t i = 4 * thread_of_grid(); i < p.length; i += 4 * threads_of_grid()) {
        float4 sum = *(const float4 *)(parts + i);
        for (int s = 1; s < p.splits; s++) {
            const float4 part = *(const float4 *)(parts + s * p.length + i);
            sum.x += part.x, sum.y += part.y, sum.z += part.z, sum.w += part.w;
        }
        if (p.block) {
            if (!there(p, i)) sum.x = 0.f;
            if (!there(p, i + 1)) sum.y = 0.f;
            if (!there(p, i + 2)) sum.z = 0.f;
            if (!there(p, i + 3)) sum.w = 0.f;
        }
        *(float4 *)(dw + i) = sum;
    }
    if (!db) return;
    for (int64_t i = thread_of_grid(); i < p.maps; i += threads_of_grid()) {
        float sum = bias_parts[i];
        for (int s = 1; s < p.splits; s++) sum += bias_parts[s * p.maps + i];
        db[i] = sum;
    }
}
