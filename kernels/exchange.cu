// exchange.cu: adding what comes from several towers, joining towers, and taking them apart; engine/op/exchange.go. And
// the order of features that a linear layer reads maps in, engine/op/flatten.go.
// Layout   add: n elements, y may be a's memory. copy_rows: rows of units of 16, 8, 4 or 2 bytes; a tensor is a row of
//          channels for each place of each image, and a range of channels is a part of each row. transpose: x [batch,
//          rows, columns], y [batch, columns, rows]
// Launch   add: block 256, a thread for four elements at a time. copy_rows: block 256 over all units. transpose: block
//          (32, 8) for 32 x 32 elements, columns along x, rows along y, images along z
// Moves    add reads 2n and writes n elements; the others read and write each. No arithmetic worth counting
// Twin     engine/backend/reference/exchange.go
#include "elementwise.h"
#include "tile.h"

struct Sum {
    DEVICE_MEMBER float operator()(float a, float b) const { return a + b; }
};

KERNEL(256) add_forward_f32(float *y, const float *a, const float *b, int64_t n) { map2(y, a, b, n, Sum()); }
KERNEL(256) add_forward_bf16(bf16 *y, const bf16 *a, const bf16 *b, int64_t n) { map2(y, a, b, n, Sum()); }

// Pieces are rows of units, of which `units` in all are copied, from one stride to another. exchange.go has its twin.
struct Pieces {
    int64_t units;
    FastDivisor row; // by the units of a row
    int to_stride, to_first, from_stride, from_first;
};

template <class Unit> DEVICE void copy_rows(Unit *to, const Unit *from, const Pieces &p) {
    for (int64_t i = thread_of_grid(); i < p.units; i += threads_of_grid()) {
        const int64_t row = quotient((uint32_t)i, p.row), at = i - row * p.row.divisor;
        to[row * p.to_stride + p.to_first + at] = from[row * p.from_stride + p.from_first + at];
    }
}

KERNEL(256) copy_rows_16(uint4 *to, const uint4 *from, Pieces p) { copy_rows(to, from, p); }
KERNEL(256) copy_rows_8(uint2 *to, const uint2 *from, Pieces p) { copy_rows(to, from, p); }
KERNEL(256) copy_rows_4(uint32_t *to, const uint32_t *from, Pieces p) { copy_rows(to, from, p); }
KERNEL(256) copy_rows_2(uint16_t *to, const uint16_t *from, Pieces p) { copy_rows(to, from, p); }

template <class T> DEVICE void transpose(T *y, const T *x, int batch, int rows, int columns) {
    __shared__ T tile[32][33]; // a column more than there are, so that neither way meets in a bank
    const int row = blockIdx.y * 32, column = blockIdx.x * 32, lane = threadIdx.x;
    for (int n = blockIdx.z; n < batch; n += gridDim.z) {
        const T *from = x + (int64_t)n * rows * columns;
        T *to = y + (int64_t)n * rows * columns;
#pragma unroll
        for (int i = threadIdx.y; i < 32; i += 8)
            if (row + i < rows && column + lane < columns) tile[i][lane] = from[(row + i) * columns + column + lane];
        __syncthreads();
#pragma unroll
        for (int i = threadIdx.y; i < 32; i += 8)
            if (column + i < columns && row + lane < rows) to[(column + i) * rows + row + lane] = tile[lane][i];
        __syncthreads();
    }
}

KERNEL(256) transpose_f32(float *y, const float *x, int batch, int rows, int columns) {
    transpose(y, x, batch, rows, columns);
}
KERNEL(256) transpose_bf16(uint16_t *y, const uint16_t *x, int batch, int rows, int columns) {
    transpose(y, x, batch, rows, columns);
}
