// checks.h: what the checked build knows of a launch while it runs. Its kernels are compiled with gcc's thread
// sanitizer, whose callbacks, one an access, are in instrument.cpp.
#pragma once

#include "access.h"
#include "cells.h"
#include "own.h"

#include <memory>
#include <vector>

namespace sim {

struct AsyncCopy;
struct Running;
struct Allocation;

// The checked build sees every access of a kernel to memory.
#ifdef SIM_CHECKED
constexpr bool checked_build = true;
#else
constexpr bool checked_build = false;
#endif

// SharedCell is a word of shared memory, of which nothing outlives its block.
struct SharedCell {
    uint64_t write, read; // Who
};

// SharedRange is a variable of a kernel's shared memory, or its dynamic memory.
struct SharedRange {
    Range range;
    SharedCell *cells; // of each word; the first holds the range's begin
    const std::string *name;
};

// Place is an allocation that was accessed lately.
struct Place {
    Range range;
    Cells *cells = nullptr;
    std::shared_ptr<Allocation> allocation;
};

// Covered are the records of reads that one more read of this thread adds nothing to: it was compared with the writes
// before it when it was first read, and later writes are compared with it.
struct Covered {
    static constexpr uint64_t mixed = 16, of_blocks = 15 | (uint64_t)Who::of_blocks << 14;
    uint64_t thread = 0, warp = 0, block = 0;
    void set(unsigned t, uint8_t warp_interval, uint32_t epoch) {
        thread = packed(Who{15, 0, 0, warp_interval, Who::one, t & 1023, 0, epoch});
        warp = packed(Who{15, 0, 0, warp_interval, Who::of_warp, t & 992, 0, epoch});
        block = packed(Who{15, 0, 0, 0, Who::of_block, 0, 0, epoch});
    }
    bool by(uint64_t read) const { return (read & ~mixed) == warp || (read & ~mixed) == block || read == thread; }
    bool in_blocks_by(uint64_t read) const { return by(read) || (read & ~mixed) == of_blocks; }
};

struct Checks {
    Covered covered;          // by the thread that runs
    uint64_t me = 0;          // the launch's stamp
    uint32_t block_epoch = 0; // when the block began
    struct Begun {
        uint32_t epoch;
        uint64_t block;
    };
    std::vector<Begun> begun;
    std::vector<SharedRange> shared;
    std::vector<SharedCell> shared_cells;
    Range stack; // of the threads, or of the host's thread where they are no fibers
    Range locals, image;
    enum { lately = 6 };
    Place places[lately];
    unsigned next_place = 0;
    uint64_t known_write = 0, known_read = 0; // stamps found to be ordered before the launch
    // Words of device memory that the launch has read and written, each once, however often; what it reads of its own
    // writes is not among them. It is what a GPU with an endless cache would move.
    uint64_t words_read = 0, words_written = 0;
    bool said_race = false, said_order = false, said_fresh = false;
};

// Nothing, like all of these, in builds that are not checked.
void begin_checks(Running &r);
void begin_block_checks(Running &r);
void end_checks(Running &r);

// An asynchronous copy of a kernel's writes its target at some time between its issue, whose Who it keeps, and its
// landing: nobody may access the target meanwhile.
uint64_t check_issue(void *to, unsigned bytes, const void *at);
void check_landing(const AsyncCopy &c);

} // namespace sim
