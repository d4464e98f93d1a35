// step_3_registers.cu: a thread makes 8 x 8 outputs in registers, a block 128 places x 128 maps.
// Layout   x: [N,C,H,W], w: [O,C,K,K], y: [N,O,H',W']
// Launch   places along x, maps along y, in tiles of 128; block 256
// Gains    16 floats from shared memory serve 64 multiplications, four of them a load of 16 bytes: 1,152 clocks of the
//          load unit a slice of 8, whose multiplications take 1,024. Global memory gives an eighth of step 2's bytes
// Costs    64 registers for sums; few blocks where the product is small. Each element that is copied has two divisions
//          and its own test for the padding, since neighbours in k lie in other rows and channels
#include "course.h"

enum { side = 128, depth = 8, row = side + 4 }; // a row longer: stores of eight k meet in no bank

KERNEL_TWICE(256) step_3(float *y, const float *x, const float *w, Conv2D c) {
    __shared__ __align__(16) float a[depth][row], b[depth][row]; // [k][map], [k][place]
    const int t = threadIdx.x, window = window_of(c), first = blockIdx.x * side, map = blockIdx.y * side;
    const int i0 = t / 16 * 4, j0 = t % 16 * 4; // the thread's outputs are i0 and j0 + 0..3 and + 64..67
    const Place p = place_of(c, first + t % side);
    float sum[8][8] = {};
    for (int k = 0; k < window; k += depth) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            a[t % depth][t / depth + 32 * i] = w[(map + t / depth + 32 * i) * window + k + t % depth];
            const int line = t / side + 2 * i, v = (k + line) % c.kernel, u = (k + line) / c.kernel % c.kernel,
                      channel = (k + line) / (c.kernel * c.kernel);
            b[line][t % side] = meets(c, p, u, v) ? x[first_at(c, p, u, v, channel)] : 0.f;
        }
        __syncthreads();
#pragma unroll
        for (int line = 0; line < depth; line++) {
            float m[8], n[8];
            read4(m, &a[line][i0]), read4(m + 4, &a[line][i0 + 64]);
            read4(n, &b[line][j0]), read4(n + 4, &b[line][j0 + 64]);
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 8; j++) sum[i][j] += m[i] * n[j];
        }
        __syncthreads();
    }
#pragma unroll
    for (int j = 0; j < 8; j++) {
        const int place = first + j0 + j / 4 * 64 + j % 4;
        if (place >= count_of_places(c)) continue;
#pragma unroll
        for (int i = 0; i < 8; i++) y[output_at(c, place, map + i0 + i / 4 * 64 + i % 4)] = sum[i][j];
    }
}
