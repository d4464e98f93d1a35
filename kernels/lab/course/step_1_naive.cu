// step_1_naive.cu: a thread an output, as the formula stands, fp32.
// Layout   x: [N,C,H,W], w: [O,C,K,K], y: [N,O,H',W']
// Launch   one thread an output, block 128
// Gains    nothing: it is what the others are measured against
// Costs    two loads for each multiplication with addition. A multiprocessor does 128 of these a clock, but its load
//          unit takes one load of a warp a clock, 32 threads' values: 16 of 128 at most, an eighth of the peak
#include "course.h"

KERNEL(128) step_1(float *y, const float *x, const float *w, Conv2D c) {
    const int at = blockIdx.x * 128 + threadIdx.x, area = c.out_height * c.out_width;
    const int plane = quotient(at, c.area), image = plane / c.maps, map = plane % c.maps;
    if (image >= c.images) return;
    const Place p = place_of(c, image * area + at - plane * area);
    float sum = 0;
    for (int channel = 0; channel < c.channels; channel++)
        for (int u = 0; u < c.kernel; u++)
            for (int v = 0; v < c.kernel; v++)
                if (meets(c, p, u, v))
                    sum += x[first_at(c, p, u, v, channel)] *
                           w[((map * c.channels + channel) * c.kernel + u) * c.kernel + v];
    y[at] = sum;
}
