// exchange.cu: adding what comes from several towers, joining towers, and taking them apart; engine/op/exchange.go.
// Layout   add: n elements, y may be a's memory. copy_rows: `rows` rows of `units` units of 16, 8, 4 or 2 bytes; a
//          tensor of [batch, C, ...] is a row an image, and a range of channels is a part of each row
// Launch   add: block 256, a thread for four elements at a time. copy_rows: block 256 over the units of a row, rows
//          along y
// Moves    add reads 2n and writes n elements; copy_rows reads and writes rows*units. No arithmetic worth counting
// Twin     engine/backend/reference/exchange.go
#include "elementwise.h"

struct Sum {
    DEVICE_MEMBER float operator()(float a, float b) const { return a + b; }
};

KERNEL(256) add_forward_f32(float *y, const float *a, const float *b, int64_t n) { map2(y, a, b, n, Sum()); }
KERNEL(256) add_forward_bf16(bf16 *y, const bf16 *a, const bf16 *b, int64_t n) { map2(y, a, b, n, Sum()); }

// The strides are in units, from the beginning of a row to that of the next.
template <class Unit>
DEVICE void copy_rows(Unit *to, const Unit *from, int rows, int64_t units, int64_t to_stride, int64_t from_stride) {
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        Unit *t = to + row * to_stride;
        const Unit *f = from + row * from_stride;
        for (int64_t i = thread_of_grid(); i < units; i += threads_of_grid()) t[i] = f[i];
    }
}

KERNEL(256)
copy_rows_16(uint4 *to, const uint4 *from, int rows, int64_t units, int64_t to_stride, int64_t from_stride) {
    copy_rows(to, from, rows, units, to_stride, from_stride);
}
KERNEL(256) copy_rows_8(uint2 *to, const uint2 *from, int rows, int64_t units, int64_t to_stride, int64_t from_stride) {
    copy_rows(to, from, rows, units, to_stride, from_stride);
}
KERNEL(256)
copy_rows_4(uint32_t *to, const uint32_t *from, int rows, int64_t units, int64_t to_stride, int64_t from_stride) {
    copy_rows(to, from, rows, units, to_stride, from_stride);
}
KERNEL(256)
copy_rows_2(uint16_t *to, const uint16_t *from, int rows, int64_t units, int64_t to_stride, int64_t from_stride) {
    copy_rows(to, from, rows, units, to_stride, from_stride);
}
