// step_4_channels_last.cu: the same tiles, with channels side by side in memory.
// Layout   x: [N,H,W,C], w: [O,K,K,C], y: [N,H',W',O]
// Launch   places along x, maps along y, in tiles of 128; block 256
// Gains    a slice of 8 lies in one place of the window: no division but one a slice, one test for the padding and one
//          load of 16 bytes where step 3 had four of each. The bytes are the same
// Costs    all other operations must take this layout. The built-in fp32 kernel (kernels/conv2d.cu, tile.h) is this one
//          with two slices in shared memory, one of which is filled while the other is multiplied
#include "course.h"

enum { side = 128, depth = 8, row = side + 4 };

KERNEL_TWICE(256) step_4(float *y, const float *x, const float *w, Conv2D c) {
    __shared__ __align__(16) float a[depth * row], b[depth * row]; // [k][place], [k][map]
    const int t = threadIdx.x, window = window_of(c), first = blockIdx.x * side, map = blockIdx.y * side;
    const int line = t / 2, quad = t % 2 * 4; // what the thread copies
    const Place p = place_of(c, first + line);
    float sum[8][8] = {};
    for (int k = 0; k < window; k += depth) {
        const int at = k / c.channels, channel = k % c.channels, u = at / c.kernel, v = at % c.kernel;
        Four m = {};
        if (meets(c, p, u, v)) m = load4(x + last_at(c, p, u, v) + channel + quad);
        const Four n = load4(w + (map + line) * window + k + quad);
#pragma unroll
        for (int i = 0; i < 4; i++) a[(quad + i) * row + line] = m.v[i], b[(quad + i) * row + line] = n.v[i];
        __syncthreads();
        multiply<side, depth>(sum, a, b); // tile.h; as in step 3
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const int place = first + t / 16 * 4 + i / 4 * 64 + i % 4;
        if (place >= count_of_places(c)) continue;
        float *const to = y + place * c.maps + map + t % 16 * 4;
        *(float4 *)to = make_float4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
        *(float4 *)(to + 64) = make_float4(sum[i][4], sum[i][5], sum[i][6], sum[i][7]);
    }
}
