// runtime.h: what a running kernel asks of the simulated driver. execute.cpp and collective.cpp implement it.
#pragma once

#include "host_types.h"

#define SIM_EXPORT __attribute__((visibility("default")))

namespace sim {

struct Thread {
    uint3 index;
    unsigned linear; // within the block; lane linear%32 of warp linear/32
};

// Window is memory that a launch may access: an access of the bytes that it was made for begins in it.
struct Window {
    uint64_t begin, room;
};

struct Block {
    uint3 index;
    dim3 size, grid;
    char *shared;          // Kernel::shared_bytes of static shared memory, aligned to 16
    char *dynamic;         // the launch's dynamic shared memory, right behind
    uint32_t shared_bytes; // of both
    Window *windows;       // of the ptx build: 64 for accesses of 1 byte, of 2, of 4, 8 and 16
};

// Which thread of which block runs on this thread of the host. Like the kernels' shared memory it is in the library's
// own TLS, which the loader makes for a thread when it is first touched: static TLS has no room for a library that is
// opened late.
extern __thread Thread *thread __attribute__((visibility("hidden"), tls_model("local-dynamic")));
extern __thread Block *block __attribute__((visibility("hidden"), tls_model("local-dynamic")));

// The same by calls, for instrumented code.
uint3 thread_index();
uint3 block_index();
dim3 block_size();
dim3 grid_size();
char *dynamic_shared();

// Site is a place in a source: a barrier's.
struct Site {
    const char *file;
    int line;
};

// barrier waits for all threads of the block; barrier_count also counts those with the predicate.
void barrier(Site at);
int barrier_count(Site at, bool predicate);

// Meeting is a collective of a warp's lanes. Lanes of one mask must come to the same one.
struct Meeting {
    const char *name; // for diagnostics
    bool orders;      // memory accesses of the lanes before it come before those after it: __syncwarp
    // complete runs once, when the last lane has come: lanes[i] is lane i's argument, null for a lane that is not in
    // the mask or has returned. May be null.
    void (*complete)(void *const lanes[32]);
};

void meet(const Meeting &meeting, uint32_t mask, void *argument);

// active_mask is the lanes of the warp that have not returned.
uint32_t active_mask();

// A copy into shared memory that is done when it is waited for (cp.async); rest of source_bytes up to bytes is zero.
void copy_async(void *shared, const void *global, unsigned bytes, unsigned source_bytes);
void copy_async_commit();
void copy_async_wait(unsigned groups); // until at most so many of the latest groups are under way

// What the ptx build asks when an access is not within its window, or not aligned. find_window opens the window that it
// is in, or ends the launch. bad_shared ends it because of an address in shared memory.
enum { windows = 5 * 64 };
void find_window(uint64_t address, unsigned bytes, unsigned alignment, Window &w);
[[noreturn]] void bad_shared(uint64_t address, unsigned bytes);
bool on_stack(const void *p); // of a thread of the block
[[noreturn]] void trap(Site at);

// An atomic access: the checked build's checks of the address.
void atomic_access(const void *p, unsigned bytes);

} // namespace sim
