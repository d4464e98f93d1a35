// tensor.h: what a warp can do from compute capability 8.0 on: products of 16x8x16 on the tensor cores, the reads of
// their operands from shared memory, and copies from global to shared memory that go on while it computes. A file that
// includes this says "// Arch compute_80" in its head. Sources: PTX ISA, "mma.sync", "ldmatrix", "cp.async".
//
// With lane = 4*g + t, of the 16x8 sums a lane has d[2*i+j] at row g+8*i, column 2*t+j.
#pragma once

#include "device.h"

#ifdef __CUDACC__

DEVICE uint32_t shared_address(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }

// mma adds the product of a, 16x16 bf16, and b, 16x8 bf16, to d in f32.
DEVICE void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// matrices reads four 8x8 matrices of bf16: lane 8*m+i has the address of the 16 bytes of row i of matrix m, and gets
// of each matrix row g, columns 2*t and 2*t+1; transposed, column g, rows 2*t and 2*t+1.
template <bool transposed> DEVICE void matrices(uint32_t (&d)[4], const bf16 *row) {
    if (transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                     : "r"(shared_address(row))
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                     : "r"(shared_address(row))
                     : "memory");
}

// copy16 begins the copy of 16 bytes to shared memory, or, where there is nothing to copy, their clearing. Both
// addresses are multiples of 16, and `from` is one that could be read in either case.
DEVICE void copy16(bf16 *to, const bf16 *from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(to)), "l"(from), "r"(there ? 16 : 0)
                 : "memory");
}

// copies_end closes a group of the copies that the thread began, copies_wait waits until all but the latest `groups`
// have arrived. Other threads see what arrived after a barrier.
DEVICE void copies_end() { asm volatile("cp.async.commit_group;" : : : "memory"); }
template <int groups> DEVICE void copies_wait() { asm volatile("cp.async.wait_group %0;" : : "n"(groups) : "memory"); }

#else

DEVICE void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { sim::mma_bf16(d, a, b, d); }
template <bool transposed> DEVICE void matrices(uint32_t (&d)[4], const bf16 *row) {
    sim::ldmatrix<4, transposed>(d, row);
}
DEVICE void copy16(bf16 *to, const bf16 *from, bool there) { sim::copy_async(to, from, 16, there ? 16 : 0); }
DEVICE void copies_end() { sim::copy_async_commit(); }
template <int groups> DEVICE void copies_wait() { sim::copy_async_wait(groups); }

#endif
