// cells.h: the checked build's memory of every word of an allocation: which operation last wrote it and which read it,
// by which thread, between which barriers.
#pragma once

#include "access.h"
#include "clock.h"

#include <atomic>
#include <stddef.h>

namespace sim {

struct Allocation;

constexpr size_t word = 4; // bytes

inline uint64_t packed(const Stamp &s) { return (uint64_t)s.line << 32 | s.tick; }
inline Stamp stamp_of(uint64_t s) { return Stamp{(uint32_t)(s >> 32), (uint32_t)s}; }

// Access is the latest of a kind to a word. Threads of the host may write it at the same time when operations overlap
// that both read; each half is then of one of them, which is enough.
struct Access {
    std::atomic<uint64_t> stamp; // line<<32 | tick; 0 for none
    std::atomic<uint64_t> who;
    uint64_t at() const { return stamp.load(std::memory_order_relaxed); }
    Who by() const { return who_of(who.load(std::memory_order_relaxed)); }
    void set(uint64_t s, const Who &w) {
        stamp.store(s, std::memory_order_relaxed);
        who.store(packed(w), std::memory_order_relaxed);
    }
};

struct Cell {
    Access write, read;
};

struct Cells {
    explicit Cells(size_t bytes);
    ~Cells();
    Cell *const cells; // of each word; the machine gives memory for those that are used
    const size_t count;
    std::atomic<uint64_t> all{0}; // the stamp of a write of everything, older than any cell
    void forget();                // all cells
};

// cells_of makes an allocation's cells where it has none.
Cells &cells_of(Allocation &a);

// ordered says whether an operation of another time is known to the one that runs.
inline bool ordered(uint64_t stamp, const Work &work) {
    return !stamp || stamp == packed(work.stamp) || before(stamp_of(stamp), work.clock);
}

// touch_cells enters a copy or memset, while it runs. Nothing in builds that are not checked.
void touch_cells(uintptr_t address, size_t bytes, bool write, const Work &work);

} // namespace sim
