// tensor_operand.h: how the operands of tensor_tile.h come into shared memory. An operand has
//
//   along_k, asynchronous             how its slices lie, and how they get there
//   Table                             what it keeps in shared memory to find its elements by
//   begin(line, lines, k, table)      the tile begins at a line of the matrix, and the sum has a range of k
//   start(slice, k)                   begin the asynchronous copy of the slice from k on
//   locate(k)                         before the slice from k on is fetched
//   fetch(half, k), store(half, slice)  half of a slice into the thread's registers, and from there to shared memory
//   prepare(k)                        work for the slice from k on that other threads see after the next barrier
//
// Past the end of k a slice is zero; past the last line it has the last line's values, which no result shows.
#pragma once

#include "tensor_tile.h"

// Idle is what an operand leaves out.
struct Idle {
    struct Table {};
    DEVICE_MEMBER void start(bf16 *, int) {}
    DEVICE_MEMBER void locate(int) {}
    DEVICE_MEMBER void fetch(int, int) {}
    DEVICE_MEMBER void store(int, bf16 *) {}
    DEVICE_MEMBER void prepare(int) {}
};

// element is the bits of p[at], or zero where there is none.
DEVICE uint32_t element(const bf16 *p, int at, bool there) {
    uint32_t x = 0;
    if (there) x = bits_at(p + at);
    return x;
}

// CopiedRows is a matrix whose lines lie in memory one after another, k along them, at multiples of eight elements.
template <int side> struct CopiedRows : Idle {
    static const bool along_k = true, asynchronous = true;
    const bf16 *p;
    int stride, end; // the matrix has less than 2^31 elements
    int at[2];

    DEVICE_MEMBER CopiedRows(const bf16 *p, int stride) : p(p), stride(stride) {}
    DEVICE_MEMBER int line(int i) const { return (int)threadIdx.x / 4 + i * (side / 2); }
    DEVICE_MEMBER int step() const { return (int)threadIdx.x % 4 * 8; }
    DEVICE_MEMBER void begin(int first, int lines, Range k, Table *) {
        end = k.end;
#pragma unroll
        for (int i = 0; i < 2; i++) at[i] = (first + line(i) < lines ? first + line(i) : lines - 1) * stride + step();
    }
    DEVICE_MEMBER void start(bf16 *slice, int k) {
        const bool there = k + step() < end;
#pragma unroll
        for (int i = 0; i < 2; i++)
            copy16(slice + slice_offset<side, true>(line(i), step()), p + (there ? at[i] + k : 0), there);
    }
};

// CopiedColumns is one whose rows are k, at multiples of eight elements.
template <int side> struct CopiedColumns : Idle {
    static const bool along_k = false, asynchronous = true;
    const bf16 *p;
    int stride, end; // the matrix has less than 2^31 elements
    int at;

    DEVICE_MEMBER CopiedColumns(const bf16 *p, int stride) : p(p), stride(stride) {}
    DEVICE_MEMBER int line() const { return (int)threadIdx.x % (side / 8) * 8; }
    DEVICE_MEMBER int step(int i) const { return (int)threadIdx.x / (side / 8) + i * 16; }
    DEVICE_MEMBER void begin(int first, int lines, Range k, Table *) {
        end = k.end;
        at = first + line() < lines ? first + line() : 0;
    }
    DEVICE_MEMBER void start(bf16 *slice, int k) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const bool there = k + step(i) < end;
            copy16(slice + slice_offset<side, false>(line(), step(i)), p + (there ? (k + step(i)) * stride + at : 0),
                   there);
        }
    }
};

// Pair is two elements in registers of their own, so that nothing waits for their loads before they are stored.
struct Pair {
    uint32_t low, high;

    DEVICE_MEMBER uint32_t both() const { return low | high << 16; }
};

// Pairs goes through registers along k: a thread has two neighbours in k of eight lines. Source gives
//
//   Distance, distance(line)    of a line from the first; a table keeps them for the tile's
//   begin(k)                    the range of the sum
//   Position, position(k)       what the elements at k have in common; of k past the end, with which element is zero
//   element(distance, position)
template <int side, class Source> struct Pairs : Idle {
    static const bool along_k = true, asynchronous = false;
    struct Table {
        typename Source::Distance of[side];
    };
    Source source;
    Table *table;
    typename Source::Position low, high;
    Pair held[4];

    DEVICE_MEMBER explicit Pairs(const Source &source) : source(source) {}
    DEVICE_MEMBER int line(int i) const { return (int)threadIdx.x / 16 + i * (side / 8); }
    DEVICE_MEMBER int step() const { return (int)threadIdx.x % 16 * 2; }
    DEVICE_MEMBER void begin(int first, int lines, Range k, Table *shared) {
        source.begin(k), table = shared;
        const int line = first + threadIdx.x;
        if (threadIdx.x < side) table->of[threadIdx.x] = source.distance(line < lines ? line : lines - 1);
    }
    DEVICE_MEMBER void locate(int k) { low = source.position(k + step()), high = source.position(k + step() + 1); }
    DEVICE_MEMBER void fetch(int half, int) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const typename Source::Distance d = table->of[line(4 * half + i)];
            held[i].low = source.element(d, low), held[i].high = source.element(d, high);
        }
    }
    DEVICE_MEMBER void store(int half, bf16 *slice) {
#pragma unroll
        for (int i = 0; i < 4; i++)
            *(uint32_t *)(slice + slice_offset<side, true>(line(4 * half + i), step())) = held[i].both();
    }
};

// LoadedRows is the source of a matrix as CopiedRows has it, at any stride.
struct LoadedRows {
    typedef int Distance;
    typedef int Position;
    const bf16 *p;
    int stride, end;

    DEVICE_MEMBER void begin(Range k) { end = k.end; }
    DEVICE_MEMBER Distance distance(int line) const { return line * stride; }
    DEVICE_MEMBER Position position(int k) const { return k < end ? k : -1; }
    DEVICE_MEMBER uint32_t element(Distance d, Position k) const { return ::element(p, d + k, k >= 0); }
};

// Octets goes through registers along k as well, for gathers whose neighbours in memory are other lines: a thread has
// one line and eight neighbours in k, so that a warp reads 32 lines' elements of one k at a time. Source gives
//
//   begin(line, k)     the thread's line of the matrix, and the range of the sum
//   Step, step(k)      of an element of any line at k; of k past the end, with which element is zero; a table keeps
//   them for
//                      the slice that is read and for the one after it
//   element(step)      of the thread's line
template <int side, class Source> struct Octets : Idle {
    static const bool along_k = true, asynchronous = false;
    struct Table {
        typename Source::Step of[2 * tensor_depth];
    };
    Source source;
    Table *table;
    uint32_t held[8];

    DEVICE_MEMBER explicit Octets(const Source &source) : source(source) {}
    DEVICE_MEMBER int line() const { return (int)threadIdx.x % side; }
    DEVICE_MEMBER int step(int half) const { return (int)threadIdx.x / side * 8 + 16 * half; }
    DEVICE_MEMBER void begin(int first, int lines, Range k, Table *shared) {
        source.begin(first + line() < lines ? first + line() : lines - 1, k), table = shared;
        prepare(k.begin), prepare(k.begin + tensor_depth);
    }
    DEVICE_MEMBER void prepare(int k) {
        const int at = k + threadIdx.x;
        if (threadIdx.x < tensor_depth) table->of[at & (2 * tensor_depth - 1)] = source.step(at);
    }
    DEVICE_MEMBER void fetch(int half, int k) {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const typename Source::Step s = table->of[(k & tensor_depth) + step(half) + i];
            held[i] = source.element(s);
        }
    }
    DEVICE_MEMBER void store(int half, bf16 *slice) {
        uint4 q;
        q.x = Pair{held[0], held[1]}.both(), q.y = Pair{held[2], held[3]}.both();
        q.z = Pair{held[4], held[5]}.both(), q.w = Pair{held[6], held[7]}.both();
        *(uint4 *)(slice + slice_offset<side, true>(line(), step(half))) = q;
    }
};

// LoadedColumns is a matrix as CopiedColumns has it, at any stride: a thread has two neighbouring lines at eight k.
template <int side> struct LoadedColumns : Idle {
    static const bool along_k = false, asynchronous = false;
    const bf16 *p;
    int stride, end;
    int low, high; // lines
    Pair held[4];

    DEVICE_MEMBER LoadedColumns(const bf16 *p, int stride) : p(p), stride(stride) {}
    DEVICE_MEMBER int line() const { return (int)threadIdx.x % (side / 2) * 2; }
    DEVICE_MEMBER int step(int i) const { return (int)threadIdx.x / (side / 2) + i * 4; }
    DEVICE_MEMBER void begin(int first, int lines, Range k, Table *) {
        end = k.end;
        low = first + line() < lines ? first + line() : lines - 1, high = low + 1 < lines ? low + 1 : low;
    }
    DEVICE_MEMBER void fetch(int half, int k) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int at = k + step(4 * half + i);
            held[i].low = element(p, at * stride + low, at < end),
            held[i].high = element(p, at * stride + high, at < end);
        }
    }
    DEVICE_MEMBER void store(int half, bf16 *slice) {
#pragma unroll
        for (int i = 0; i < 4; i++)
            *(uint32_t *)(slice + slice_offset<side, false>(line(), step(4 * half + i))) = held[i].both();
    }
};

// rows_of and columns_of choose how a matrix is read.
template <int side, bool aligned> DEVICE auto rows_of(const bf16 *p, int stride) {
    if constexpr (aligned) return CopiedRows<side>(p, stride);
    else
        return Pairs<side, LoadedRows>(
            LoadedRows{side == 64 ? kept(p) : p, stride, 0}); // the larger tile has no registers left
}
template <int side, bool aligned> DEVICE auto columns_of(const bf16 *p, int stride) {
    if constexpr (aligned) return CopiedColumns<side>(p, stride);
    else return LoadedColumns<side>(p, stride);
}
