// step_7_async.cu: slices arrive by cp.async, three in shared memory, while an earlier one is multiplied.
// Arch compute_80
// Layout   x: [N,H,W,C], w: [O,K,K,C], y: [N,H',W',O], all bf16
// Launch   places along x, maps along y, in tiles of 64; block 128; dynamic shared memory: 3 slices of 16 KB
// Gains    nobody waits for global memory unless it takes longer than two slices' products; copies pass by the
//          registers: 384 clocks of the load unit a slice, not 512; one barrier a slice, not two
// Costs    three times the shared memory, 48 KB a block: four blocks on a multiprocessor at most
#include "course.h"
#include "tensor_product.h"

enum { slices_kept = 3 };
typedef Tile<64, 64, 64, 32, 32> T; // of the block, of a slice, of a warp

KERNEL(128) step_7(bf16 *y, const bf16 *x, const bf16 *w, Conv2D c) {
    DYNAMIC_SHARED(uint4, shared);
    const int t = threadIdx.x, chunk = t % 8, window = window_of(c), slices = window / T::depth;
    const int first = blockIdx.x * T::m, map = blockIdx.y * T::n;
    const Warp<T> warp;
    const auto slice = [&](int s) { return (bf16 *)shared + s % slices_kept * T::size; };
    const auto copy = [&](int s) { // begins the copy of slice s, if there is one
        const int k = s * T::depth, at = k / c.channels, channel = k % c.channels, u = at / c.kernel, v = at % c.kernel;
        if (s < slices)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int l = t / 8 + 16 * i;
                bf16 *const to = slice(s) + Along<T::depth>::at(l, chunk); // step 6's permutation
                const Place p = place_of(c, first + l);
                const bool there = meets(c, p, u, v);
                copy16(to, there ? x + last_at(c, p, u, v) + channel + chunk * 8 : x, there);
                copy16(to + T::m * T::depth, w + (map + l) * window + k + chunk * 8, true);
            }
        copies_end();
    };
    float sum[T::mi][T::ni][4] = {};
    copy(0), copy(1);
    for (int s = 0; s < slices; s++) {
        copies_wait<1>(); // slice s has arrived, what this thread copied of it,
        __syncthreads();  // and what the others did; and nobody reads slice s-1 any more,
        copy(s + 2);      // whose place this one takes
        multiply_slice<T, true, true>(sum, slice(s), slice(s) + T::m * T::depth, warp, Nothing()); // step 6's loop
    }
    each(sum, first + warp.line, map + warp.column, [&](int place, int at, float low, float high) {
        if (place < count_of_places(c)) store_pair(y + place * c.maps, at, c.maps, low, high);
    });
}
