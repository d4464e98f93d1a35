// host_mma.h: the tensor cores' instructions as collectives of a full warp; part of host_warp.h. Fragments are laid out
// as in the PTX ISA's "matrix multiply-accumulate operation using mma instruction". With lane = 4*g + t:
//
//   C, D 16x8     c[2*i+j] is row g+8*i, column 2*t+j
//   bf16 A 16x16  the halves h of a[i+2*j] are row g+8*i, column 2*t+8*j+h
//   bf16 B 16x8   the halves h of b[j] are row 2*t+8*j+h, column g
//   tf32 A 16x8   a[i+2*j] is row g+8*i, column t+4*j
//   tf32 B 8x8    b[j] is row t+4*j, column g
//
// A sum is c plus the products in ascending order of k, each addition rounded to f32 (a GPU adds several at once, in an
// order that NVIDIA does not tell).
#pragma once

namespace sim {

struct Multiply {
    const uint32_t *a, *b;
    const float *c;
    float d[4];
};

// Eight is a row of B, C or D: loops over rows are vectors of the processor's. A product of two bf16 or two tf32 is
// exact in f32, so that it does not matter whether the compiler makes the multiplication and the addition one
// instruction.
typedef float Eight __attribute__((vector_size(32)));

// Fragments are a warp's A and B of 16xK and Kx8.
template <int K> struct Fragments {
    float a[16][K];
    Eight b[K];
};

// multiply_accumulate does a warp's D = A*B + C.
template <int K> SIM_COMPLETE void multiply_accumulate(const Fragments<K> &f, void *const lanes[32]) {
    Eight sum[16] = {};
    for (int lane = 0; lane < 32; lane++)
        if (const Multiply *m = (const Multiply *)lanes[lane])
            for (int e = 0; e < 4; e++) sum[lane / 4 + 8 * (e / 2)][2 * (lane % 4) + e % 2] = m->c[e];
    for (int row = 0; row < 16; row++) {
        Eight s = sum[row];
        for (int k = 0; k < K; k++) s += f.a[row][k] * f.b[k];
        sum[row] = s;
    }
    for (int lane = 0; lane < 32; lane++)
        if (Multiply *m = (Multiply *)lanes[lane])
            for (int e = 0; e < 4; e++) m->d[e] = sum[lane / 4 + 8 * (e / 2)][2 * (lane % 4) + e % 2];
}

// A lane that does not take part leaves NaNs in the fragments.
SIM_COMPLETE uint32_t fragment(const Multiply *m, bool of_a, int i) { return !m ? ~0u : of_a ? m->a[i] : m->b[i]; }

SIM_COMPLETE void complete_mma_bf16(void *const lanes[32]) {
    Fragments<16> f;
    for (int lane = 0; lane < 32; lane++) {
        const Multiply *m = (const Multiply *)lanes[lane];
        const int g = lane / 4, t = lane % 4;
        for (int h = 0; h < 2; h++) {
            const int shift = h ? 0 : 16; // to the upper half, where a float has it
            for (int i = 0; i < 4; i++)
                f.a[g + 8 * (i % 2)][2 * t + 8 * (i / 2) + h] = float_of(fragment(m, true, i) << shift & 0xffff0000u);
            for (int j = 0; j < 2; j++)
                f.b[2 * t + 8 * j + h][g] = float_of(fragment(m, false, j) << shift & 0xffff0000u);
        }
    }
    multiply_accumulate(f, lanes);
}

// The hardware ignores the 13 bits that a tf32 does not have.
SIM_COMPLETE void complete_mma_tf32(void *const lanes[32]) {
    Fragments<8> f;
    for (int lane = 0; lane < 32; lane++) {
        const Multiply *m = (const Multiply *)lanes[lane];
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++)
            f.a[g + 8 * (i % 2)][t + 4 * (i / 2)] = float_of(fragment(m, true, i) & 0xffffe000u);
        for (int j = 0; j < 2; j++) f.b[t + 4 * j][g] = float_of(fragment(m, false, j) & 0xffffe000u);
    }
    multiply_accumulate(f, lanes);
}

static const Meeting meeting_mma_bf16 = {"mma m16n8k16 bf16", false, complete_mma_bf16};
static const Meeting meeting_mma_tf32 = {"mma m16n8k8 tf32", false, complete_mma_tf32};

SIM_INLINE void multiply(const Meeting &meeting, float d[4], const uint32_t a[4], const uint32_t b[2],
                         const float c[4]) {
    Multiply m = {a, b, c, {}};
    meet(meeting, 0xffffffffu, &m);
    for (int i = 0; i < 4; i++) d[i] = m.d[i];
}

// mma_bf16 is mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32; d may be c.
SIM_INLINE void mma_bf16(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4]) {
    multiply(meeting_mma_bf16, d, a, b, c);
}

// mma_tf32 is mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32; d may be c.
SIM_INLINE void mma_tf32(float d[4], const uint32_t a[4], const uint32_t b[2], const float c[4]) {
    multiply(meeting_mma_tf32, d, a, b, c);
}

// Rows is a lane's row of 8 halves, and what it gets: of 8x8 matrix m, row lane/4, columns 2*(lane%4) and the next.
struct Rows {
    uint16_t row[8];
    uint32_t result[4];
};

template <bool transposed> SIM_COMPLETE void complete_ldmatrix(void *const lanes[32]) {
    for (int lane = 0; lane < 32; lane++) {
        Rows *r = (Rows *)lanes[lane];
        if (!r) continue;
        for (int m = 0; m < 4; m++) {
            uint32_t halves[2];
            for (int h = 0; h < 2; h++) {
                const int row = transposed ? 2 * (lane % 4) + h : lane / 4,
                          column = transposed ? lane / 4 : 2 * (lane % 4) + h;
                const Rows *from = (const Rows *)lanes[8 * m + row];
                halves[h] = from ? from->row[column] : 0xffff;
            }
            r->result[m] = halves[0] | halves[1] << 16;
        }
    }
}

static const Meeting meeting_ldmatrix = {"ldmatrix", false, complete_ldmatrix<false>};
static const Meeting meeting_ldmatrix_trans = {"ldmatrix.trans", false, complete_ldmatrix<true>};

// ldmatrix<n, transposed> is ldmatrix.sync.aligned.m8n8.xN[.trans].shared.b16: lane 8*m+i has the address of row i of
// matrix m; the addresses of lanes from 8*n on are not looked at.
template <int n, bool transposed> SIM_INLINE void ldmatrix(uint32_t d[n], const void *row) {
    Rows r = {};
    if (lane_id() < 8 * n) {
        const uint4 q = *(const uint4 *)row;
        memcpy(r.row, &q, sizeof q);
    }
    meet(transposed ? meeting_ldmatrix_trans : meeting_ldmatrix, 0xffffffffu, &r);
    for (int m = 0; m < n; m++) d[m] = r.result[m];
}

} // namespace sim
