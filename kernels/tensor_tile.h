// tensor_tile.h: the matrix product C[m,n] = sum_k A[m,k] * B[k,n] of bf16 matrices on the tensor cores, with f32 sums;
// what tile.h is without them. What the matrices are is the matter of two operands (tensor_operand.h) and a writer.
//
// A block of 2*side threads makes a tile of side x side of C, a warp side/2 x 32 of it in fragments of 16x8. It walks k
// in slices of 32. A slice of an operand lies in shared memory along k, 32 elements a line, or, where the matrix is
// contiguous in its other dimension, across, `side` elements for each k. Chunks of eight elements are permuted so that
// neither the eight rows of a matrix that ldmatrix reads nor the 16 bytes each that eight threads write meet in a bank.
//
//   operands that are copied asynchronously have three slices in memory: two arrive while one is multiplied
//   operands that go through registers have two: the next one's loads, half of a slice at a time, are under way while
//   the tensor cores work on half of this one
//
//   tile 128: a slice is 2*128*32 elements, 16 KiB, for 128*128*32 multiplications: 64 operations a byte of the L2
//   cache. A warp reads 3 KiB of shared memory for 64*32*16 multiplications: 21 operations a byte, so that 128 bytes a
//   clock allow 2730 operations of the 2048 that an A100's multiprocessor has and of the 4096 of an H100's: 0.66 of its
//   989 TFLOP/s tile 64: half as many operations a byte of the cache, 16 a byte of shared memory, for small products
//
// The sum over k is in the order of the slices; within one of the 16 of a step the tensor core adds as it does. Both
// depend on sizes alone, and so do the parts of k: see tile.h.
#pragma once

#include "tensor.h"
#include "tile.h"

enum { tensor_depth = 32 };

// slice_offset is where the element at a line and step of k lies in a slice.
template <int side, bool along_k> DEVICE int slice_offset(int line, int k) {
    return along_k ? line * tensor_depth + ((k / 8 ^ (line / 2 & 3)) * 8 | k % 8)
                   : k * side + ((line / 8 ^ (k & 7)) * 8 | line % 8);
}

// Reader gives a warp fragments of an operand: of A 16 lines by 16 of k, of B, `right`, two of 8 lines by 16 of k.
template <int side, bool along_k> struct Reader {
    int own; // the row of a matrix that the lane addresses in the warp's first fragment

    DEVICE_MEMBER void begin(int first, bool right) {
        const int lane = threadIdx.x % 32, row = lane % 8, low = lane / 8 % 2 * 8, high = lane / 16 * 8;
        const int line = first + (right ? high : low), k = right ? low : high;
        own = along_k ? slice_offset<side, along_k>(line + row, k) : slice_offset<side, along_k>(line, k + row);
    }
    // read gets fragment number i, in the half `step` of the slice. 16 elements are bit 4 of an offset along a row, and
    // the permutation of chunks leaves the exclusive or with it as it is.
    DEVICE_MEMBER void read(uint32_t (&f)[4], const bf16 *slice, int i, int step) const {
        const int at = along_k ? (own ^ 16 * step) + 16 * i * tensor_depth : (own ^ 16 * i) + 16 * step * side;
        matrices<!along_k>(f, slice + at);
    }
};

// multiply_half adds the product of half of two slices.
template <int side, bool along_left, bool along_right>
DEVICE void multiply_half(float (&sum)[side / 32][4][4], const Reader<side, along_left> &left,
                          const Reader<side, along_right> &right, const bf16 *a, const bf16 *b, int step) {
    uint32_t y[4][2];
#pragma unroll
    for (int j = 0; j < 2; j++) {
        uint32_t f[4];
        right.read(f, b, j, step);
        y[2 * j][0] = f[0], y[2 * j][1] = f[1], y[2 * j + 1][0] = f[2], y[2 * j + 1][1] = f[3];
    }
#pragma unroll
    for (int i = 0; i < side / 32; i++) {
        uint32_t x[4];
        left.read(x, a, i, step);
#pragma unroll
        for (int j = 0; j < 4; j++) mma(sum[i][j], x, y[j]);
    }
}

// write_tile hands a warp's sums to the writer by way of its own piece of shared memory, so that a lane has a column,
// whose place in the result it works out once, and a warp writes 32 neighbours at a time. The writer's begin(n) says
// whether there is such a column, and operator()(m, sum) writes an element of it.
template <int side, class Write>
DEVICE void write_tile(float *shared, const float (&sum)[side / 32][4][4], Write &write, int m, int n, int rows) {
    const int row = 40; // with 8 more than there are, float2s of four rows fall on all banks
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4,
              column = n + warp % (side / 32) * 32 + lane;
    float *const piece = shared + warp * 16 * row;
    m += warp / (side / 32) * (side / 2);
    const bool there = write.begin(column);
#pragma unroll
    for (int i = 0; i < side / 32; i++) {
        __syncwarp();
#pragma unroll
        for (int e = 0; e < 8; e++)
            *(float2 *)(piece + (g + e % 2 * 8) * row + e / 2 * 8 + 2 * t) =
                make_float2(sum[i][e / 2][e % 2 * 2], sum[i][e / 2][e % 2 * 2 + 1]);
        __syncwarp();
        if (there)
#pragma unroll 4
            for (int r = 0; r < 16 && m + 16 * i + r < rows; r++) write(m + 16 * i + r, piece[r * row + lane]);
    }
}

// tensor_product makes the tile of C at (m, n).
template <int side, class A, class B, class Write>
DEVICE void tensor_product(A a, B b, Write write, int m, int n, int rows, int columns, Range k) {
    enum { stages = A::asynchronous && B::asynchronous ? 3 : 2, size = side * tensor_depth };
    __shared__ uint4 shared[2 * stages * size / 8];
    bf16 *const slices = (bf16 *)shared;
    __shared__ typename A::Table table_of_a;
    __shared__ typename B::Table table_of_b;
    a.begin(m, rows, k, &table_of_a), b.begin(n, columns, k, &table_of_b);
    Reader<side, A::along_k> left;
    Reader<side, B::along_k> right;
    const int warp = threadIdx.x / 32;
    left.begin(warp / (side / 32) * (side / 2), false), right.begin(warp % (side / 32) * 32, true);
    float sum[side / 32][4][4] = {};
    __syncthreads(); // the tables
#pragma unroll
    for (int s = 0; s + 1 < stages; s++) {
        // What is not multiplied is not copied: nobody would wait for it, and it could arrive behind the loop.
        const int first = k.begin + s * tensor_depth;
        if (first < k.end) a.start(slices + 2 * s * size, first), b.start(slices + (2 * s + 1) * size, first);
        copies_end();
    }
    a.locate(k.begin), b.locate(k.begin);
#pragma unroll 1
    for (int half = 0; half < 2; half++) {
        a.fetch(half, k.begin), b.fetch(half, k.begin);
        a.store(half, slices), b.store(half, slices + size);
    }
    int now = 0;
    for (int at = k.begin; at < k.end; at += tensor_depth) {
        copies_wait<stages - 2>();
        __syncthreads();
        const int next = now + 1 < stages ? now + 1 : 0, last = next + 1 < stages ? next + 1 : 0,
                  ahead = stages == 3 ? last : next;
        const int far = at + (stages - 1) * tensor_depth;
        if (far < k.end) a.start(slices + 2 * ahead * size, far), b.start(slices + (2 * ahead + 1) * size, far);
        copies_end();
        a.prepare(at + 2 * tensor_depth), b.prepare(at + 2 * tensor_depth);
        a.locate(at + tensor_depth), b.locate(at + tensor_depth);
#pragma unroll(stages == 3 ? 2 : 1) // the registers of a half are enough
        for (int half = 0; half < 2; half++) {
            a.fetch(half, at + tensor_depth), b.fetch(half, at + tensor_depth); // nothing but zeros past the end
            multiply_half<side>(sum, left, right, slices + 2 * now * size, slices + (2 * now + 1) * size, half);
            a.store(half, slices + 2 * next * size), b.store(half, slices + (2 * next + 1) * size);
        }
        now = next;
    }
    __syncthreads(); // the slices are not needed any more
    write_tile<side>((float *)shared, sum, write, m, n, rows);
}

// Stored writes f32 elements of a matrix: a result, or a part of k's.
struct Stored {
    float *p;
    int columns;

    DEVICE_MEMBER bool begin(int n) { return p += n, n < columns; }
    DEVICE_MEMBER void operator()(int m, float sum) const { p[(int64_t)m * columns] = sum; }
};
