// conv2d_wgmma.cu: conv2d_nhwc.cu's products by Hopper's own instructions: wgmma, whose operands both lie in shared
// memory, filled by cp.async. The simulator does not know them (kernels/lab/README.md). Layout, launch and count are in
// conv2d.h; blocks of m/64 warpgroups. nvcc 12 or later.
// Arch compute_90a
#include "lab/conv2d.h"
#include "wgmma.h"

enum { depth = 64 };

// A slice lies in atoms of eight lines of 128 bytes, swizzled: along k, or, for each k, in pieces of 64 across.
struct Along {
    static DEVICE_MEMBER int at(int line, int chunk) { return line * 64 + (chunk ^ (line & 7)) * 8; }
};
struct Across {
    static DEVICE_MEMBER int at(int k, int chunk) {
        return chunk / 8 * (64 * depth) + k * 64 + (chunk % 8 ^ (k & 7)) * 8;
    }
};

// descriptor of a matrix of such atoms: `lead` bytes between those next to each other across, 1024 between the others.
DEVICE uint64_t descriptor(const void *p, int lead) {
    const uint64_t at = (shared_address(p) & 0x3ffff) >> 4;
    return at | (uint64_t)(lead >> 4) << 16 | (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}
DEVICE void wgmma_begin() { asm volatile("wgmma.fence.sync.aligned;" : : : "memory"); }
DEVICE void wgmma_end() { asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory"); }
template <int groups> DEVICE void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(groups) : "memory");
}
DEVICE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" : : : "memory"); }

// pipeline: while the tensor cores work on one slice, the copies of stages-2 are under way, into the slices before the
// last.
template <int stages, class Load, class Use> DEVICE void pipeline(int slices, Load load, Use use) {
#pragma unroll
    for (int s = 0; s < stages - 2; s++) {
        if (s < slices) load(s, s);
        copies_end();
    }
    int now = 0, free = stages - 2;
#pragma unroll 1
    for (int s = 0; s < slices; s++) {
        copies_wait<stages - 3>();
        fence_async();
        __syncthreads();
        wgmma_begin();
        use(now);
        wgmma_end();
        if (s + stages - 2 < slices) load(free, s + stages - 2);
        copies_end();
        wgmma_wait<1>();
        now = now + 1 < stages ? now + 1 : 0, free = free + 1 < stages ? free + 1 : 0;
    }
    wgmma_wait<0>();
}

// each visits the sums of a warpgroup's 64 lines in pairs: their line, their column, and the two.
template <int n, class Visit> DEVICE void each(const float (&sum)[n], int line, int column, Visit visit) {
    const int lane = threadIdx.x % 32;
    line += threadIdx.x / 32 * 16;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int j = 0; j < n / 4; j++)
            visit(line + 8 * half + lane / 4, column + 8 * j + lane % 4 * 2, sum[4 * j + 2 * half],
                  sum[4 * j + 2 * half + 1]);
}

template <int m, int n, int stages>
DEVICE void forward(bf16 *y, const bf16 *x, const bf16 *w, const float *bias, const Conv &c) {
    enum { size = (m + n) * depth };
    extern __shared__ __align__(1024) uint4 shared[];
    bf16 *const slices = (bf16 *)shared;
    const int group = blockIdx.z, first = blockIdx.x * m, map = blockIdx.y * n, warpgroup = threadIdx.x / 128;
    Forward<m, n, depth, 2 * m, Along> copies(c, x, w, group, first, map);
    float sum[n / 2] = {};
    pipeline<stages>((c.length() + depth - 1) / depth,
                     [&](int slot, int) { copies.load(slices + slot * size, slices + slot * size + m * depth); },
                     [&](int slot) {
                         const bf16 *const a = slices + slot * size + warpgroup * 64 * depth, *const b = slices +
                                                                                                         slot * size +
                                                                                                         m * depth;
#pragma unroll
                         for (int step = 0; step < depth / 16; step++)
                             Wgmma<n, false>::run(sum, descriptor(a + 16 * step, 16), descriptor(b + 16 * step, 16));
                     });
    each(sum, first, map, [&](int place, int at, float low, float high) {
        if (place < c.places()) store_maps(y, bias, c, group, place, at, low, high);
    });
}

template <int m, int n, int stages>
DEVICE void grad_weight(float *parts, const bf16 *x, const bf16 *dz, const Conv &c, int splits) {
    enum { size = (m + n) * depth, piece = 128 * depth }; // bytes of a piece of 64 across
    extern __shared__ __align__(1024) uint4 shared[];
    bf16 *const slices = (bf16 *)shared;
    const int group = blockIdx.z / splits, split = blockIdx.z % splits, map = blockIdx.y * m, column = blockIdx.x * n;
    const int warpgroup = threadIdx.x / 128;
    const Slices range = slices_of<depth>(c, split, splits);
    Gradient<m, n, depth, 2 * m, Across, Across> copies(c, x, dz, group, map, column);
    float sum[n / 2] = {};
    pipeline<stages>(
        range.end - range.begin,
        [&](int slot, int s) {
            copies.load(slices + slot * size, slices + slot * size + m * depth, (range.begin + s) * depth);
        },
        [&](int slot) {
            const bf16 *const a = slices + slot * size + warpgroup * 64 * depth, *const b =
                                                                                     slices + slot * size + m * depth;
#pragma unroll
            for (int step = 0; step < depth / 16; step++)
                Wgmma<n, true>::run(sum, descriptor(a + 16 * step * 64, piece), descriptor(b + 16 * step * 64, piece));
        });
    float *const part = parts + (int64_t)(split * c.groups + group) * c.maps * c.length();
    each(sum, map, column, [&](int at, int in, float low, float high) {
        if (at < c.maps) store_part(part, c, at, in, low, high);
    });
}

#define VARIANT(m, n, stages, blocks)                                                                                  \
    extern "C" __global__ void __launch_bounds__(2 * m, blocks) conv2d_wgmma_##m##x##n##_64_##stages##_64x##n(         \
        bf16 *y, const bf16 *x, const bf16 *w, const float *bias, CONV) {                                              \
        forward<m, n, stages>(y, x, w, bias, CONV_OF);                                                                 \
    }
#define GRADIENT(m, n, stages, blocks)                                                                                 \
    extern "C" __global__ void __launch_bounds__(2 * m, blocks)                                                        \
        conv2d_wgmma_grad_weight_##m##x##n##_64_##stages##_64x##n(float *parts, const bf16 *x, const bf16 *dz, CONV,   \
                                                                  int splits) {                                        \
        grad_weight<m, n, stages>(parts, x, dz, CONV_OF, splits);                                                      \
    }

VARIANT(128, 48, 4, 2)
VARIANT(256, 48, 4, 1)
VARIANT(128, 64, 4, 2)
VARIANT(128, 96, 4, 1)
VARIANT(256, 96, 4, 1)
VARIANT(128, 128, 4, 1)
VARIANT(128, 128, 3, 2)
VARIANT(256, 128, 4, 1)
VARIANT(128, 192, 4, 1)
VARIANT(192, 192, 4, 1)
VARIANT(128, 256, 4, 1)
GRADIENT(64, 128, 4, 2)
GRADIENT(64, 192, 4, 1)
GRADIENT(64, 256, 4, 1)
GRADIENT(128, 128, 4, 1)
GRADIENT(128, 128, 3, 2)
GRADIENT(128, 192, 4, 1)
GRADIENT(128, 256, 4, 1)
GRADIENT(192, 128, 4, 1)
GRADIENT(192, 256, 3, 1)
