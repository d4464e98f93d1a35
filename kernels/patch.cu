// patch.cu: bf16 tensors in the form in which tensor cores copy eight channels at a time, where they have others.
// Layout   x: [N,H,W,G*C]; patched: [N,rows,columns,G,patch], element d of pixel (i, j) being row i*block +
//          d/(block*C) - pad, column j*block + d/C%block - pad, channel d%C of the group; zero where x has none, and
//          from block*block*C on. With a block of 1 and no padding it is x with its channels padded
//          w: patched weights [maps,side,side,width]; plain: [maps,K,K,plain_width], zero from C on
// Launch   block 256 over eights of what is written, striding
// Moves    reads what it takes once, writes 2 bytes an element
#include "elementwise.h"

// Patches is how an image is cut. conv2d.go has its twin.
struct Patches {
    int images, height, width, groups, channels, pad, block;
    int rows, columns, patch; // of what is written; patch is a pixel's elements of a group
};

DEVICE uint4 packed(const uint16_t (&e)[8]) {
    return make_uint4(e[0] | (uint32_t)e[1] << 16, e[2] | (uint32_t)e[3] << 16, e[4] | (uint32_t)e[5] << 16,
                      e[6] | (uint32_t)e[7] << 16);
}

KERNEL(256) patch_bf16(bf16 *patched, const bf16 *x, Patches p) {
    const int chunks = p.patch / 8;
    const int64_t n = (int64_t)p.images * p.rows * p.columns * p.groups * chunks;
    for (int64_t at = thread_of_grid(); at < n; at += threads_of_grid()) {
        const int64_t pixel = at / (p.groups * chunks);
        const int inside = at - pixel * (p.groups * chunks), group = inside / chunks, chunk = inside % chunks;
        const int64_t row = pixel / p.columns, image = row / p.rows;
        const int left = (int)(pixel - row * p.columns) * p.block - p.pad;
        const int top = (int)(row - image * p.rows) * p.block - p.pad, place = chunk * 8 / p.channels;
        int channel = chunk * 8 - place * p.channels, u = place / p.block, v = place - u * p.block;
        uint16_t e[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const int h = top + u, w = left + v;
            const bool there = u < p.block && (unsigned)h < (unsigned)p.height && (unsigned)w < (unsigned)p.width;
            e[i] =
                there ? x[((image * p.height + h) * p.width + w) * p.groups * p.channels + group * p.channels + channel]
                            .bits
                      : 0;
            if (++channel == p.channels) {
                channel = 0;
                if (++v == p.block) v = 0, u++;
            }
        }
        *(uint4 *)(patched + 8 * at) = packed(e);
    }
}

// Unpatched are the weights that patched ones are of. conv2d.go has its twin.
struct Unpatched {
    int maps, channels, kernel, plain_width; // maps of all groups
    int block, side, width;                  // of the patched
};

KERNEL(256) unpatch_weights(bf16 *plain, const bf16 *w, Unpatched p) {
    const int chunks = p.plain_width / 8;
    const int64_t n = (int64_t)p.maps * p.kernel * p.kernel * chunks;
    for (int64_t at = thread_of_grid(); at < n; at += threads_of_grid()) {
        const int64_t line = at / chunks, map = line / (p.kernel * p.kernel);
        const int channel = (int)(at - line * chunks) * 8, place = line - map * (p.kernel * p.kernel);
        const int row = place / p.kernel, column = place % p.kernel;
        const bf16 *const from = w + ((map * p.side + row / p.block) * p.side + column / p.block) * p.width +
                                 (row % p.block * p.block + column % p.block) * p.channels + channel;
        uint16_t e[8];
#pragma unroll
        for (int i = 0; i < 8; i++) e[i] = channel + i < p.channels ? from[i].bits : 0;
        *(uint4 *)(plain + 8 * at) = packed(e);
    }
}
