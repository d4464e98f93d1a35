// sight.h: what augment.cu and warp.cu share: the network's input y from stored pixels, in the order in which the first
// layer reads it.
// Layout   images: uint8 [batch, H, W, 3]; draws: [batch, width of a draw]; mean: [3, H, W], or [3] where one value a
//          channel; y: [batch, rows, columns, width]: squares of block x block pixels as channels, from `pad` pixels
//          above and left of the crop on. Element d of a square is row d/(3*block), column d/3%block, channel d%3; zero
//          behind 3*block*block and outside of the crop. Blocks of 1 without pad and a width of 3 are [batch, crop,
//          crop, 3]
// Launch   block 256, a thread for a chunk of a square, striding: eight elements of bf16, 16 bytes, or a pixel
#pragma once

#include "elementwise.h"
#include "tile.h"

struct Sight {
    int height, width, crop, whole_mean;   // of the images; whether there is a mean for each pixel
    float red, green, blue;                // scale
    int block, pad, used;                  // used: 3*block*block
    int64_t chunks;                        // in all
    FastDivisor square, column, row, line; // by the chunks of a square, columns, rows, and 3*block
};

DEVICE float scale_of(const Sight &p, int c) { return c == 0 ? p.red : c == 1 ? p.green : p.blue; }

DEVICE void put(float *y, const float (&v)[3]) { y[0] = v[0], y[1] = v[1], y[2] = v[2]; }
DEVICE void put(bf16 *y, const float (&v)[3]) { store(y, v[0]), store(y + 1, v[1]), store(y + 2, v[2]); }
DEVICE void put(bf16 *y, const float (&v)[8]) {
    uint4 q;
    q.x = rounded(v[0]).bits | (uint32_t)rounded(v[1]).bits << 16;
    q.y = rounded(v[2]).bits | (uint32_t)rounded(v[3]).bits << 16;
    q.z = rounded(v[4]).bits | (uint32_t)rounded(v[5]).bits << 16;
    q.w = rounded(v[6]).bits | (uint32_t)rounded(v[7]).bits << 16;
    *(uint4 *)y = q;
}

// see makes y of a View, which is made of image n, goes to a pixel (i, j) of the crop, and has its channels.
template <int chunk, class View, class T>
DEVICE void see(T *y, const uint8_t *images, const float *draws, const float *mean, const Sight &p) {
    for (int64_t number = thread_of_grid(); number < p.chunks; number += threads_of_grid()) {
        const uint32_t square = quotient((uint32_t)number, p.square), line = quotient(square, p.column),
                       n = quotient(line, p.row);
        int d = (int)((uint32_t)number - square * p.square.divisor) * chunk;
        const int first_row = (int)(line - n * p.row.divisor) * p.block - p.pad,
                  first_column = (int)(square - line * p.column.divisor) * p.block - p.pad;
        int down = quotient(d, p.line), right = d - down * (int)p.line.divisor, c = right % 3;
        right /= 3;
        View view(images, draws, mean, p, n);
        view.go(first_row + down, first_column + right);
        float v[chunk];
#pragma unroll
        for (int e = 0; e < chunk; e++) {
            v[e] = d < p.used ? view.channel(c) : 0.f;
            d++;
            if (++c < 3) continue;
            c = 0;
            if (++right == p.block) right = 0, down++;
            if (e + 1 < chunk && d < p.used) view.go(first_row + down, first_column + right);
        }
        put(y + number * chunk, v);
    }
}

#define SIGHT(name, View)                                                                                              \
    KERNEL(256)                                                                                                        \
    name##_forward_f32(float *y, const uint8_t *images, const float *draws, const float *mean, Sight p) {              \
        see<3, View>(y, images, draws, mean, p);                                                                       \
    }                                                                                                                  \
    KERNEL(256)                                                                                                        \
    name##_forward_bf16(bf16 *y, const uint8_t *images, const float *draws, const float *mean, Sight p) {              \
        see<3, View>(y, images, draws, mean, p);                                                                       \
    }                                                                                                                  \
    KERNEL(256)                                                                                                        \
    name##_patched_bf16(bf16 *y, const uint8_t *images, const float *draws, const float *mean, Sight p) {              \
        see<8, View>(y, images, draws, mean, p);                                                                       \
    }
