// tensor_product.h: C[m,n] = sum_k A[m,k] * B[k,n] of bf16 on tensor cores, f32 sums, in tiles, compute capability 8.0
// and later. What the matrices are is the matter of whoever copies their slices, and of whoever stores the sums.
//
// A block makes a tile of m x n, a warp of it wm x wn. It walks k in slices of `depth`: of a slice, m*depth elements of
// A and n*depth of B lie in dynamic shared memory; `stages` slices do, and while one is multiplied the next ones
// arrive, 16 bytes at a time (cp.async). Two forms of a slice:
//
//   Along   where k is contiguous in memory: a line of `depth` elements for each m or n
//   Across  where m or n is: a line of as many elements for each k; ldmatrix turns it
//
// Chunks of eight elements are permuted within lines so that neither the reads of ldmatrix nor the copies meet in a
// bank. Operands have less than 2^31 elements. The sum over k is in ascending slices, of which a part of k has a range:
// the order depends on sizes alone.
#pragma once

#include "tensor.h"

// The number of slices in shared memory, by their depth. tile.go reckons with them.
enum { stages_32 = 4, stages_64 = 3 };
AGREED(tensor_stages_32, stages_32)
AGREED(tensor_stages_64, stages_64)

template <int m_, int n_, int depth_, int wm_, int wn_> struct Tile {
    enum { m = m_, n = n_, depth = depth_, wm = wm_, wn = wn_, stages = depth == 32 ? stages_32 : stages_64 };
    enum { threads = 32 * (m / wm) * (n / wn), size = (m + n) * depth, mi = wm / 16, ni = wn / 8 };
};

template <int depth> struct Along {
    static DEVICE_MEMBER int at(int line, int chunk) {
        return depth == 32 ? line * 32 + (chunk ^ (line / 2 & 3)) * 8 : line * 64 + (chunk ^ (line & 7)) * 8;
    }
};
template <int width> struct Across {
    static DEVICE_MEMBER int at(int k, int chunk) {
        const int mask = width % 64 == 0 ? 7 : width % 32 == 0 ? 3 : 1; // a line's chunks are a multiple of one more
        return k * width + ((chunk & ~mask) | ((chunk ^ (mask == 7 ? k : mask == 3 ? k / 2 : k / 4)) & mask)) * 8;
    }
};

// Warp is where a warp's tile lies in the block's.
template <class T> struct Warp {
    int line, column;
    DEVICE_MEMBER Warp() {
        const int warp = threadIdx.x / 32;
        line = warp / (T::n / T::wn) * T::wm, column = warp % (T::n / T::wn) * T::wn;
    }
};

// multiply_slice adds the product of a warp's lines and columns of one slice. It shows each fragment of A to
// also(i, a).
template <class T, bool left_along, bool right_along, class Also>
DEVICE void multiply_slice(float (&sum)[T::mi][T::ni][4], const bf16 *a, const bf16 *b, const Warp<T> &warp,
                           Also also) {
    const int lane = threadIdx.x % 32, r = lane % 8, low = lane / 8 % 2, high = lane / 16;
#pragma unroll
    for (int step = 0; step < T::depth / 16; step++) {
        uint32_t x[T::mi][4], y[T::ni][2];
#pragma unroll
        for (int i = 0; i < T::mi; i++)
            matrices<!left_along>(
                x[i], a + (left_along ? Along<T::depth>::at(warp.line + 16 * i + 8 * low + r, 2 * step + high)
                                      : Across<T::m>::at(16 * step + 8 * high + r, warp.line / 8 + 2 * i + low)));
#pragma unroll
        for (int j = 0; j < T::ni / 2; j++) {
            uint32_t f[4];
            matrices<!right_along>(
                f, b + (right_along ? Along<T::depth>::at(warp.column + 16 * j + 8 * high + r, 2 * step + low)
                                    : Across<T::n>::at(16 * step + 8 * low + r, warp.column / 8 + 2 * j + high)));
            y[2 * j][0] = f[0], y[2 * j][1] = f[1], y[2 * j + 1][0] = f[2], y[2 * j + 1][1] = f[3];
        }
#pragma unroll
        for (int i = 0; i < T::mi; i++) {
#pragma unroll
            for (int j = 0; j < T::ni; j++) mma(sum[i][j], x[i], y[j]);
            also(i, x[i]);
        }
    }
}

// multiply_slices walks the slices: load(a, b, slice) begins the copies of one. No slice is copied that is not
// multiplied.
template <class T, bool left_along, bool right_along, class Load, class Also>
DEVICE void multiply_slices(float (&sum)[T::mi][T::ni][4], int slices, const Warp<T> &warp, Load load, Also also) {
    DYNAMIC_SHARED(uint4, shared);
    bf16 *const memory = (bf16 *)shared;
#pragma unroll
    for (int s = 0; s + 1 < T::stages; s++) {
        if (s < slices) load(memory + s * T::size, memory + s * T::size + T::m * T::depth, s);
        copies_end();
    }
    int now = 0, free = T::stages - 1;
#pragma unroll 1
    for (int s = 0; s < slices; s++) {
        copies_wait<T::stages - 2>();
        __syncthreads();
        bf16 *const a = memory + free * T::size;
        if (s + T::stages - 1 < slices) load(a, a + T::m * T::depth, s + T::stages - 1);
        copies_end();
        const bf16 *const ready = memory + now * T::size;
        multiply_slice<T, left_along, right_along>(sum, ready, ready + T::m * T::depth, warp, also);
        free = now, now = now + 1 < T::stages ? now + 1 : 0;
    }
}

struct Nothing {
    DEVICE_MEMBER void operator()(int, const uint32_t (&)[4]) const {}
};
template <class T, bool left_along, bool right_along, class Load>
DEVICE void multiply_slices(float (&sum)[T::mi][T::ni][4], int slices, const Warp<T> &warp, Load load) {
    multiply_slices<T, left_along, right_along>(sum, slices, warp, load, Nothing());
}

// each visits the sums of a warp's tile in pairs: their line, their column, and the two.
template <int mi, int ni, class Visit>
DEVICE void each(const float (&sum)[mi][ni][4], int line, int column, Visit visit) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < mi; i++)
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int j = 0; j < ni; j++)
                visit(line + 16 * i + 8 * half + lane / 4, column + 8 * j + lane % 4 * 2, sum[i][j][2 * half],
                      sum[i][j][2 * half + 1]);
}

// LineSums are the sums of A's lines over k: a product with a column of ones, made beside the other by the warps that
// it is wanted of. Lanes of four have the same.
template <int mi> struct LineSums {
    float sum[mi][4] = {};
    bool wanted;

    DEVICE_MEMBER void operator()(int i, const uint32_t (&a)[4]) {
        const uint32_t one = 0x3f80, ones[2] = {one << 16 | one, one << 16 | one};
        if (wanted) mma(sum[i], a, ones);
    }
    // store writes those of lines below end to `to`, which has all lines.
    DEVICE_MEMBER void store(float *to, int line, int end) const {
        if (!wanted || threadIdx.x % 4) return;
#pragma unroll
        for (int i = 0; i < mi; i++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const int at = line + 16 * i + 8 * half + threadIdx.x % 32 / 4;
                if (at < end) to[at] = sum[i][2 * half];
            }
    }
};

// Slices is the part of a sum over k that a block makes.
struct Slices {
    int begin, end;
};
template <int depth> DEVICE Slices slices_of(int k, int split, int splits) {
    const int64_t all = (k + depth - 1) / depth;
    return Slices{(int)(all * split / splits), (int)(all * (split + 1) / splits)};
}

// LineCopies copies slices of a matrix whose lines lie in memory one after another, k along them: `count` lines from
// `first` on, of those below end. length, of a line, is a multiple of 8.
template <int count, int depth, int threads> struct LineCopies {
    enum { chunks = depth / 8, rows = threads / chunks, copies = (count + rows - 1) / rows };
    const bf16 *matrix;
    int length, row, chunk, lines, at; // at: of the thread's chunk of its first line

    DEVICE_MEMBER LineCopies(const bf16 *matrix, int length, int first, int end)
        : matrix(matrix), length(length), row(threadIdx.x / chunks), chunk(threadIdx.x % chunks), lines(end - first) {
        at = (first + row) * length + chunk * 8;
    }
    DEVICE_MEMBER void load(bf16 *to, int k) const {
#pragma unroll
        for (int i = 0; i < copies; i++) {
            const int line = row + i * rows;
            if (count % rows != 0 && line >= count) continue;
            const bool there = (line < lines) & (k + chunk * 8 < length);
            copy16(to + Along<depth>::at(line, chunk), matrix + (there ? at + k + i * rows * length : 0), there);
        }
    }
};

// ColumnCopies copies slices of a matrix whose lines are k, `stride` elements from one to the next: `count` columns
// from `first` on, of those below end, which is a multiple of 8.
template <int count, int depth, int threads> struct ColumnCopies {
    enum { chunks = count / 8, rows = threads / chunks, copies = (depth + rows - 1) / rows };
    enum { uneven = depth % rows != 0 || chunks * rows != threads };
    const bf16 *matrix;
    int row, chunk, column, stride; // column: the thread's
    bool within;

    DEVICE_MEMBER ColumnCopies(const bf16 *matrix, int stride, int first, int end)
        : matrix(matrix), row(threadIdx.x / chunks), chunk(threadIdx.x % chunks), column(first + chunk * 8),
          stride(stride) {
        within = column < end && row < rows;
    }
    // load copies lines from k on, of those below end; `offset` elements behind where they begin.
    DEVICE_MEMBER void load(bf16 *to, int k, int end, int offset = 0) const {
#pragma unroll
        for (int i = 0; i < copies; i++) {
            const int line = row + i * rows;
            if (uneven && (row >= rows || line >= depth)) continue;
            const bool there = within & (k + line < end);
            copy16(to + Across<count>::at(line, chunk), matrix + (there ? column + offset + (k + line) * stride : 0),
                   there);
        }
    }
};

// store_pair stores two neighbours of a line of `columns` elements in bf16, as many of them as the line has.
DEVICE void store_pair(bf16 *line, int column, int columns, float low, float high) {
    if (columns % 2 == 0 && column < columns) {
        *(uint32_t *)(line + column) = rounded(low).bits | (uint32_t)rounded(high).bits << 16;
        return;
    }
    if (column < columns) store(line + column, low);
    if (column + 1 < columns) store(line + column + 1, high);
}

// rectify clears, of two neighbours, those where a line of a mask, of `columns` elements, is not above 0.
DEVICE void rectify(const bf16 *line, int column, int columns, float &low, float &high) {
    const bool whole = columns % 2 == 0 && column < columns;
    const uint32_t pair = whole ? *(const uint32_t *)(line + column) : 0;
    const float first = whole ? bits_float(pair << 16) : column < columns ? load(line + column) : 0.f;
    const float second = whole ? bits_float(pair & 0xffff0000u) : column + 1 < columns ? load(line + column + 1) : 0.f;
    low = first > 0.f ? low : 0.f, high = second > 0.f ? high : 0.f;
}

// A kernel for a tile, of which `blocks` are to run on a multiprocessor at a time.
#define TENSOR_KERNEL(tile, blocks) extern "C" __global__ void __launch_bounds__(tile::threads, blocks)
