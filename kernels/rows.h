// rows.h: one launch over many tensors. A table in the device's memory has a row for each, of fields of 8 bytes:
// first, up to which piece the row goes and how many elements it has, then what the kernel needs. The pieces of all
// rows, numbered through, go round the blocks: the elements are divided evenly, however large a tensor is.
// engine/backend/cuda/rows.go makes the table and the launch.
#pragma once

#include "elementwise.h"

enum {
    row_threads = 256,
    row_blocks = 4,                                 // on a multiprocessor at once
    piece_fours = 2,                                // of a thread
    piece_elements = row_threads * 4 * piece_fours, // of a row, that a block does at a time; a row's last has the rest
};
AGREED(row_blocks, row_blocks)
AGREED(piece_elements, piece_elements)

// KERNEL_OF_ROWS begins a kernel that goes through a table.
#define KERNEL_OF_ROWS extern "C" __global__ void __launch_bounds__(row_threads, row_blocks)

// Begin is how a row begins.
struct Begin {
    int64_t end; // pieces of this row and of those before it
    int64_t n;   // elements
};

// Number is a field.
struct Number {
    float is;
    uint32_t unused;
};

// row_of is the row of a piece, at or behind a row.
template <class Row> DEVICE int row_of(const Row *rows, int at, int64_t piece) {
    while (piece >= rows[at].is.end) at++;
    return at;
}

// first_of is the first element of a piece in its row.
template <class Row> DEVICE int64_t first_of(const Row *rows, int at, int64_t piece) {
    return (piece - (at > 0 ? rows[at - 1].is.end : 0)) * piece_elements;
}

// four_of is the first element of a thread's k-th four in a piece that begins at first.
DEVICE int64_t four_of(int64_t first, int k) { return first + 4 * (int)(threadIdx.x + k * row_threads); }

// rest_of is the element behind the last whole four that a thread does; n or more where it does none.
DEVICE int64_t rest_of(int64_t first, int64_t n) { return n - first > piece_elements ? n : n / 4 * 4 + threadIdx.x; }

// A pointer out of a table could be to any memory, as far as the compiler knows, and to such it stores an element at a
// time. These say that it is device memory: four elements at once, of which the f32 ones are not wanted again before
// the next step (evicted first).
DEVICE Four stream4(const float *p) {
    const float4 q = __ldcs((const float4 *)p);
    const Four r = {{q.x, q.y, q.z, q.w}};
    return r;
}

DEVICE void stream4(float *p, const Four &f) { __stcs((float4 *)p, make_float4(f.v[0], f.v[1], f.v[2], f.v[3])); }

DEVICE void stream4(bf16 *p, const Four &f) {
    uint2 q;
    store4((bf16 *)&q, f);
    __stwb((uint2 *)p, q);
}
