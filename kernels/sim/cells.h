// cells.h: the checked build's memory of every word: which operation last wrote it and which read it, by which thread,
// between which barriers. Kernels are compiled with -fsanitize=thread, whose callbacks cells.cpp implements.
#pragma once

#include "clock.h"

#include <atomic>
#include <stddef.h>

namespace sim {

struct Running;
struct Allocation;

// Access is the latest of a kind to a word. Threads of the host may write it at the same time when operations overlap
// that both read; each half is then of one of them, which is enough.
struct Access {
    std::atomic<uint64_t> stamp; // line<<32 | tick; 0 for none
    std::atomic<uint64_t> who;   // see Who in cells.cpp
};

struct Cell {
    Access write, read;
};

struct Cells {
    explicit Cells(size_t bytes);
    ~Cells();
    Cell *const cells; // of each 4 bytes; the machine gives memory for those that are used
    const size_t count;
    std::atomic<uint64_t> all{0}; // the stamp of a write of everything, older than any cell
    void forget();                // all cells
};

// touch_cells enters a copy or memset, while it runs. Nothing, like all of these, in builds that are not checked.
void touch_cells(uintptr_t address, size_t bytes, bool write, const Work &work);

void begin_checks(Running &r);
void end_checks(Running &r);
void check_copy(void *to, const void *from, unsigned bytes, unsigned source_bytes); // an asynchronous one of a kernel's

} // namespace sim
