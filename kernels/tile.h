// tile.h: the matrix product that convolutions and linear layers are, C[m,n] = sum_k A[m,k] * B[k,n], in tiles of
// shared memory and registers, f32 arithmetic. What the matrices are is the matter of two loaders and a writer.
//
// A block of 256 threads makes a tile of `side` x `side` of C. It walks k in slices of `depth`: a slice of A and of B
// lies in shared memory, twice, so that the next one is stored while this one is multiplied; its values wait in
// registers until then. A thread makes a square of side/16 x side/16 elements in four quarters, so that its reads of
// shared memory are of four floats side by side and free of conflicts.
//
//   tile 128: 8 x 8 a thread, 64 multiplications for 16 floats read from shared memory and, of global memory, 2*128
//   floats for 128*128 multiplications: 64 operations a byte; 67 TFLOP/s of an H100 want 1.05 TB/s, of 3.35 tile 64: 4
//   x 4 a thread, for small products: half as many operations a byte
//
// The sum over k is in ascending order. Where a product has too few tiles for a GPU, k is divided into `splits` parts,
// each summed on its own and then added in order by reduce: the order depends on sizes alone.
#pragma once

#include "elementwise.h"

enum { tile_threads = 256, tile_lines = 4 }; // tile_lines: of a slice, filled by one thread without quads

// FastDivisor divides numbers below 2^31 by a constant: n / d is the upper half of n * multiplier, shifted. For d = 1
// the multiplier is 0. Granlund and Montgomery, "Division by invariant integers using multiplication", PLDI 1994.
struct FastDivisor {
    uint32_t divisor, multiplier, shift;
};

DEVICE FastDivisor fast_divisor(int divisor, uint32_t multiplier, int shift) {
    FastDivisor d = {(uint32_t)divisor, multiplier, (uint32_t)shift};
    return d;
}

// fast_divisor_of makes one on the device, for divisors that are not known before. It takes a long division.
DEVICE FastDivisor fast_divisor_of(int divisor) {
    FastDivisor d = {(uint32_t)divisor, 0, 0};
    if (divisor == 1) return d;
    int log = 1; // 2^(log-1) < divisor <= 2^log
    while ((1u << log) < (uint32_t)divisor) log++;
    d.multiplier = (uint32_t)((((uint64_t)1 << (31 + log)) + divisor - 1) / divisor);
    d.shift = log - 1;
    return d;
}

DEVICE uint32_t quotient(uint32_t n, const FastDivisor &d) {
    return d.multiplier ? __umulhi(n, d.multiplier) >> d.shift : n;
}

// Range is the part of k that a block sums up.
struct Range {
    int begin, end;
};

// range_of is part `split` of k, whose parts are multiples of depth.
DEVICE Range range_of(int k, int splits, int split, int depth) {
    const int slices = (k + depth - 1) / depth, each = (slices + splits - 1) / splits * depth;
    Range r = {split * each < k ? split * each : k, (split + 1) * each < k ? (split + 1) * each : k};
    return r;
}

// Slice is one operand's share of shared memory, with rows padded against bank conflicts, and how threads fill it:
// along k where the matrix is contiguous in k, else along its other dimension; a thread's elements in quads, four that
// lie side by side in memory, or each on its own.
template <int side, int depth, bool along_k, bool quads> struct Slice {
    static const int row = side + 4, each = side * depth / tile_threads;
    static_assert(!quads || each == 4, "a quad is all that a thread fetches");

    float *at;        // [depth][row]
    float held[each]; // the next slice's values

    DEVICE_MEMBER int line(int i) const { // of the other dimension
        const int t = threadIdx.x;
        if (quads) return along_k ? t / (depth / 4) : t % (side / 4) * 4 + i;
        return along_k ? t / depth + i * (tile_threads / depth) : t % side;
    }
    DEVICE_MEMBER int step(int i) const { // of k
        const int t = threadIdx.x;
        if (quads) return along_k ? t % (depth / 4) * 4 + i : t / (side / 4);
        return along_k ? t % depth : t / side + i * (tile_threads / side);
    }
    DEVICE_MEMBER void store() {
        if constexpr (quads && !along_k) {
            *(float4 *)(at + step(0) * row + line(0)) = make_float4(held[0], held[1], held[2], held[3]);
        } else {
#pragma unroll
            for (int i = 0; i < each; i++) at[step(i) * row + line(i)] = held[i];
        }
    }
};

// A loader knows where its matrix lies. begin(i, line, lines) gives it a line of the thread's, the i-th; find(i, p,
// from) says where the line's element is at p = position(k), or false where the matrix has a zero that is not in
// memory. With quads it is four elements: all of them or none, from an address that is a multiple of their size.
//
// fetch reads a slice from k on into registers.
template <int side, int depth, class Loader>
DEVICE void fetch(Slice<side, depth, Loader::along_k, Loader::quads> &s, const Loader &loader, int k, int end) {
    const typename Loader::Element *from;
    if constexpr (Loader::quads) {
        const int at = k + s.step(0);
        Four four = {};
        if (at < end && loader.find(0, loader.position(at), from)) four = load4(from);
#pragma unroll
        for (int i = 0; i < 4; i++) s.held[i] = four.v[i];
    } else if constexpr (Loader::along_k) {
        const int at = k + s.step(0);
        const typename Loader::Position p = loader.position(at);
#pragma unroll
        for (int i = 0; i < s.each; i++) s.held[i] = at < end && loader.find(i, p, from) ? load(from) : 0.f;
    } else {
#pragma unroll
        for (int i = 0; i < s.each; i++) {
            const int at = k + s.step(i);
            s.held[i] = at < end && loader.find(0, loader.position(at), from) ? load(from) : 0.f;
        }
    }
}

DEVICE void read4(float *to, const float *shared) {
    const float4 q = *(const float4 *)shared;
    to[0] = q.x, to[1] = q.y, to[2] = q.z, to[3] = q.w;
}

// multiply adds the product of two slices.
template <int side, int depth>
DEVICE void multiply(float (&sum)[side / 16][side / 16], const float *a, const float *b) {
    const int row = side + 4, quarters = side / 64, i0 = threadIdx.x / 16 * 4, j0 = threadIdx.x % 16 * 4;
#pragma unroll
    for (int k = 0; k < depth; k++) {
        float x[side / 16], y[side / 16];
#pragma unroll
        for (int q = 0; q < quarters; q++) {
            read4(x + 4 * q, a + k * row + 64 * q + i0);
            read4(y + 4 * q, b + k * row + 64 * q + j0);
        }
#pragma unroll
        for (int i = 0; i < side / 16; i++)
#pragma unroll
            for (int j = 0; j < side / 16; j++) sum[i][j] += x[i] * y[j];
    }
}

// slices are a block's shared memory: two slices of each operand, the same for all products in a kernel.
template <int side, int depth> DEVICE float *slices() {
    __shared__ __align__(16) float shared[4 * depth * (side + 4)];
    return shared;
}

// product makes the tile of C at (m, n) and gives each element to write(m, n, sum), or, where Write::quads says so,
// four columns to write.four(m, n, sums).
template <int side, int depth, class A, class B, class Write>
DEVICE void product(A a, B b, Write write, int m, int n, int rows, int columns, Range k) {
    const int slice = depth * (side + 4);
    float *const shared = slices<side, depth>(); // of A and B, and of A and B again
    Slice<side, depth, A::along_k, A::quads> left;
    Slice<side, depth, B::along_k, B::quads> right;
#pragma unroll
    for (int i = 0; i < A::lines; i++) a.begin(i, m + left.line(i), rows);
#pragma unroll
    for (int i = 0; i < B::lines; i++) b.begin(i, n + right.line(i), columns);
    float sum[side / 16][side / 16] = {};
    fetch<side, depth>(left, a, k.begin, k.end);
    fetch<side, depth>(right, b, k.begin, k.end);
    int now = 0;
    left.at = shared, right.at = shared + slice;
    left.store(), right.store();
    __syncthreads();
    for (int at = k.begin; at < k.end; at += depth) {
        const bool more = at + depth < k.end;
        if (more) {
            fetch<side, depth>(left, a, at + depth, k.end);
            fetch<side, depth>(right, b, at + depth, k.end);
        }
        multiply<side, depth>(sum, shared + now, shared + now + slice);
        if (more) {
            now = 2 * slice - now;
            left.at = shared + now, right.at = shared + now + slice;
            left.store(), right.store();
            __syncthreads();
        }
    }
    const int i0 = threadIdx.x / 16 * 4, j0 = threadIdx.x % 16 * 4;
#pragma unroll
    for (int i = 0; i < side / 16; i++) {
        const int line = m + i0 + i / 4 * 64 + i % 4;
        if (line >= rows) continue;
#pragma unroll
        for (int j = 0; j < side / 16; j += 4) {
            const int column = n + j0 + j / 4 * 64;
            if constexpr (Write::quads) {
                const Four four = {{sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]}};
                if (column < columns) write.four(line, column, four);
            } else {
#pragma unroll
                for (int q = 0; q < 4; q++)
                    if (column + q < columns) write(line, column + q, sum[i][j + q]);
            }
        }
    }
}

// Rows are a matrix whose lines lie in memory one after another, k along them.
template <class T> struct Rows {
    typedef T Element;
    typedef int Position;
    static const bool along_k = true, quads = false;
    static const int lines = tile_lines;
    const T *p;
    int stride; // the matrix has less than 2^31 elements
    int at[lines];

    DEVICE_MEMBER void begin(int i, int line, int all) { at[i] = line < all ? line * stride : -1; }
    DEVICE_MEMBER Position position(int k) const { return k; }
    DEVICE_MEMBER bool find(int i, Position k, const T *&from) const {
        from = p + at[i] + k;
        return at[i] >= 0;
    }
};

// Columns are one whose rows are k.
template <class T> struct Columns {
    typedef T Element;
    typedef int Position;
    static const bool along_k = false, quads = false;
    static const int lines = 1;
    const T *p;
    int stride; // the matrix has less than 2^31 elements
    int at;

    DEVICE_MEMBER void begin(int, int line, int all) { at = line < all ? line : -1; }
    DEVICE_MEMBER Position position(int k) const { return k * stride; }
    DEVICE_MEMBER bool find(int, Position k, const T *&from) const {
        from = p + k + at;
        return at >= 0;
    }
};

// Plain writes f32 elements of a matrix: a result, or a part of k's.
struct Plain {
    static const bool quads = false;
    float *p;
    int64_t stride;

    DEVICE_MEMBER void operator()(int m, int n, float sum) const { p[m * stride + n] = sum; }
};
