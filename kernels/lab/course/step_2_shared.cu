// step_2_shared.cu: a block makes a tile of 16 places x 16 maps from slices in shared memory.
// Layout   x: [N,C,H,W], w: [O,C,K,K], y: [N,O,H',W']
// Launch   places in sixteens along x, maps in sixteens along y, block 256: one thread an output
// Gains    an element is read from global memory once a block, not once a thread: a sixteenth of step 1's bytes
// Costs    two barriers a slice. A multiplication has two loads as before, from shared memory now, and the load unit
//          takes as long for these: 288 clocks a slice, whose 4,096 multiplications would take 32
#include "course.h"

enum { side = 16 };

KERNEL(256) step_2(float *y, const float *x, const float *w, Conv2D c) {
    __shared__ float a[side][side], b[side][side]; // [k][place], [map][k]
    const int column = threadIdx.x % side, line = threadIdx.x / side, window = window_of(c);
    const int place = blockIdx.x * side + column, map = blockIdx.y * side + line;
    const Place p = place_of(c, place);
    float sum = 0;
    for (int k = 0; k < window; k += side) {
        const int v = (k + line) % c.kernel, u = (k + line) / c.kernel % c.kernel,
                  channel = (k + line) / (c.kernel * c.kernel);
        a[line][column] = meets(c, p, u, v) ? x[first_at(c, p, u, v, channel)] : 0.f;
        b[line][column] = w[map * window + k + column];
        __syncthreads();
#pragma unroll
        for (int i = 0; i < side; i++) sum += a[i][column] * b[line][i];
        __syncthreads();
    }
    if (place < count_of_places(c)) y[output_at(c, place, map)] = sum;
}
