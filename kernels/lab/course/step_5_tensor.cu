// step_5_tensor.cu: bf16 on tensor cores; a warp's instruction multiplies 16x16 by 16x8, sums in fp32.
// Arch compute_80
// Layout   x: [N,H,W,C], w: [O,K,K,C], y: [N,H',W',O], all bf16
// Launch   places along x, maps along y, in tiles of 64; block 128: four warps of 32 x 32, slices of 64
// Gains    2,048 multiplications an instruction, one of these a clock on an H100: 16 times fp32's peak, with half the
//          bytes an element
// Costs    a lane loads its operands two elements at a time, and the eight rows of a load, 128 bytes each, begin in the
//          same bank: eight clocks for a load that could take one. 2,304 clocks of the load unit a slice, whose
//          products take 128
#include "course.h"
#include "tensor_product.h"

enum { side = 64, depth = 64 };

// pair is two elements of a line in shared memory.
DEVICE uint32_t pair(const bf16 *slice, int line, int k) { return *(const uint32_t *)(slice + line * depth + k); }

KERNEL(128) step_5(bf16 *y, const bf16 *x, const bf16 *w, Conv2D c) {
    __shared__ __align__(16) bf16 a[side * depth], b[side * depth]; // [place][k], [map][k]
    const int t = threadIdx.x, g = t % 32 / 4, q = t % 4, line = t / 64 * 32, column = t / 32 % 2 * 32;
    const int window = window_of(c), first = blockIdx.x * side, map = blockIdx.y * side;
    float sum[2][4][4] = {};
    for (int k = 0; k < window; k += depth) {
        const int at = k / c.channels, channel = k % c.channels, u = at / c.kernel, v = at % c.kernel;
#pragma unroll
        for (int i = 0; i < 4; i++) { // eight elements of four lines each
            const int l = t / 8 + 16 * i, chunk = t % 8 * 8;
            const Place p = place_of(c, first + l);
            uint4 from = {0, 0, 0, 0};
            if (meets(c, p, u, v)) from = *(const uint4 *)(x + last_at(c, p, u, v) + channel + chunk);
            *(uint4 *)(a + l * depth + chunk) = from;
            *(uint4 *)(b + l * depth + chunk) = *(const uint4 *)(w + (map + l) * window + k + chunk);
        }
        __syncthreads();
#pragma unroll
        for (int step = 0; step < depth; step += 16) {
            uint32_t m[2][4], n[4][2]; // tensor.h tells which elements a lane has
#pragma unroll
            for (int r = 0; r < 8; r++) {
                m[r / 4][r % 4] = pair(a, line + r / 4 * 16 + r % 2 * 8 + g, step + r % 4 / 2 * 8 + 2 * q);
                n[r / 2][r % 2] = pair(b, column + r / 2 * 8 + g, step + r % 2 * 8 + 2 * q);
            }
#pragma unroll
            for (int r = 0; r < 8; r++) mma(sum[r / 4][r % 4], m[r / 4], n[r % 4]);
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int place = first + line + 16 * i + 8 * half + g;
            if (place >= count_of_places(c)) continue;
#pragma unroll
            for (int j = 0; j < 4; j++)
                store_pair(y + place * c.maps, map + column + 8 * j + 2 * q, c.maps, sum[i][j][2 * half],
                           sum[i][j][2 * half + 1]);
        }
}
