// tensor.cu: tensor cores and asynchronous copies.
// Arch compute_80
#include "device.h"

#ifdef __CUDACC__
DEVICE void mma(float *d, const uint32_t *a, const uint32_t *b) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE uint32_t shared_address(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }
DEVICE void matrices4(uint32_t *d, const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(shared_address(row))
                 : "memory");
}
DEVICE void matrices2_transposed(uint32_t *d, const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(d[0]), "=r"(d[1])
                 : "r"(shared_address(row))
                 : "memory");
}
DEVICE void copy16(void *to, const void *from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" : : "r"(shared_address(to)), "l"(from) : "memory");
}
DEVICE void commit() { asm volatile("cp.async.commit_group;" : : : "memory"); }
DEVICE void wait_all_but_none() { asm volatile("cp.async.wait_group 0;" : : : "memory"); }
#else
DEVICE void mma(float *d, const uint32_t *a, const uint32_t *b) { sim::mma_bf16(d, a, b, d); }
DEVICE void matrices4(uint32_t *d, const void *row) { sim::ldmatrix<4, false>(d, row); }
DEVICE void matrices2_transposed(uint32_t *d, const void *row) { sim::ldmatrix<2, true>(d, row); }
DEVICE void copy16(void *to, const void *from) { sim::copy_async(to, from, 16, 16); }
DEVICE void commit() { sim::copy_async_commit(); }
DEVICE void wait_all_but_none() { sim::copy_async_wait(0); }
#endif

// C = A*B of 16x16 and 16x8 bfloat16 matrices, row-major; a warp.
KERNEL(32) tensor_product(float *c, const bf16 *a, const bf16 *b) {
    __shared__ __align__(16) bf16 sa[16][16], sb[16][8];
    const int t = threadIdx.x;
    copy16(&sa[t / 2][t % 2 * 8], a + 8 * t);
    if (t < 16) copy16(&sb[t][0], b + 8 * t);
    commit();
    wait_all_but_none();
    __syncthreads();
    uint32_t fa[4], fb[2];
    matrices4(fa, &sa[t % 16][t / 16 * 8]);
    matrices2_transposed(fb, &sb[t % 16][0]);
    float d[4] = {};
    mma(d, fa, fb);
    for (int i = 0; i < 4; i++) c[(t / 4 + i / 2 * 8) * 8 + t % 4 * 2 + i % 2] = d[i];
}

// Reads what was copied without waiting for it.
KERNEL(32) missing_wait(float *c, const float *a) {
    __shared__ __align__(16) float s[128];
    const int t = threadIdx.x;
    copy16(s + 4 * t, a + 4 * t);
    commit();
    __syncthreads();
    c[t] = s[t];
#ifdef __CUDACC__
    wait_all_but_none();
#endif
}

// Writes where its copies are still to arrive, unless it waits for them first.
KERNEL(32) overtaken_copy(float *c, const float *a, int wait) {
    __shared__ __align__(16) float s[128];
    const int t = threadIdx.x;
    copy16(s + 4 * t, a + 4 * t);
    commit();
    if (wait) wait_all_but_none();
    __syncthreads();
    s[t] = 2;
    __syncthreads();
    c[t] = s[t];
}
