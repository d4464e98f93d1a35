// step_6_ldmatrix.cu: operands by ldmatrix, from slices whose chunks are permuted.
// Arch compute_80
// Layout   x: [N,H,W,C], w: [O,K,K,C], y: [N,H',W',O], all bf16
// Launch   places along x, maps along y, in tiles of 64; block 128: four warps of 32 x 32, slices of 64
// Gains    one instruction reads four matrices of 8x8, a row of 16 bytes an address. Chunk j of line i lies where chunk
//          j^(i%8) would, so that eight lines' rows are in all 32 banks: 512 clocks of the load unit a slice, not 2,304
// Costs    an exclusive or an address. Half of the 512 are what the loop copies, through registers, and it waits for
//          global memory in every slice, as steps 2 to 5 do
#include "course.h"
#include "tensor_product.h"

enum { side = 64, depth = 64 };

DEVICE int permuted(int line, int chunk) { return line * depth + (chunk ^ line % 8) * 8; }

KERNEL(128) step_6(bf16 *y, const bf16 *x, const bf16 *w, Conv2D c) {
    __shared__ __align__(16) bf16 a[side * depth], b[side * depth]; // [place][k], [map][k]
    const int t = threadIdx.x, line = t / 64 * 32, column = t / 32 % 2 * 32;
    const int r = t % 8, low = t / 8 % 2, high = t / 16 % 2; // ldmatrix: a lane's row, and which matrix it is of
    const int window = window_of(c), first = blockIdx.x * side, map = blockIdx.y * side;
    float sum[2][4][4] = {};
    for (int k = 0; k < window; k += depth) {
        const int at = k / c.channels, channel = k % c.channels, u = at / c.kernel, v = at % c.kernel;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int l = t / 8 + 16 * i, chunk = t % 8;
            const Place p = place_of(c, first + l);
            uint4 from = {0, 0, 0, 0};
            if (meets(c, p, u, v)) from = *(const uint4 *)(x + last_at(c, p, u, v) + channel + chunk * 8);
            *(uint4 *)(a + permuted(l, chunk)) = from;
            *(uint4 *)(b + permuted(l, chunk)) = *(const uint4 *)(w + (map + l) * window + k + chunk * 8);
        }
        __syncthreads();
#pragma unroll
        for (int step = 0; step < depth / 16; step++) {
            uint32_t m[2][4], n[2][4]; // n: of two columns of eight each
#pragma unroll
            for (int i = 0; i < 2; i++) {
                matrices<false>(m[i], a + permuted(line + 16 * i + 8 * low + r, 2 * step + high));
                matrices<false>(n[i], b + permuted(column + 16 * i + 8 * high + r, 2 * step + low));
            }
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const uint32_t half[2] = {n[j / 2][j % 2 * 2], n[j / 2][j % 2 * 2 + 1]};
                    mma(sum[i][j], m[i], half);
                }
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int place = first + line + 16 * i + 8 * half + t % 32 / 4;
            if (place >= count_of_places(c)) continue;
#pragma unroll
            for (int j = 0; j < 4; j++)
                store_pair(y + place * c.maps, map + column + 8 * j + t % 4 * 2, c.maps, sum[i][j][2 * half],
                           sum[i][j][2 * half + 1]);
        }
}
