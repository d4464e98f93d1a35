// running.h: a launch while it runs on a thread of the host; what execute.cpp, collective.cpp and cells.cpp share.
#pragma once

#include "checks.h"
#include "execute.h"
#include "fiber.h"
#include "memory.h"
#include "runtime.h"
#include "settings.h"

#include <setjmp.h>
#include <signal.h>

namespace sim {

enum class State : uint8_t { ready, at_barrier, in_meeting, done };

struct AsyncCopy {
    void *to;
    const void *from;
    unsigned bytes, source_bytes, group;
    const void *at;  // the instruction
    uint64_t issuer; // Who, of the checked build
};

struct Fiber {
    void *stack;
    Thread thread;
    State state;
    uint8_t warp_interval; // counts what orders memory within the warp
    Site site;             // of the barrier that it waits at
    void *argument;        // for the meeting that it waits in
    std::vector<AsyncCopy> copies;
    unsigned groups; // of asynchronous copies committed
};

// SharedArea is memory that ends, but for what aligns it, where a page begins that cannot be touched.
class SharedArea {
  public:
    ~SharedArea();
    char *reserve(size_t bytes); // aligned to 16 bytes; null when the machine has no memory
    bool guards(const void *p) const { return (size_t)((const char *)p - memory - size) < page; }

  private:
    static constexpr size_t page = 4096, size = 256 << 10; // more than a block can have
    char *memory = nullptr;
};

// Gathering is lanes that wait in a meeting.
struct Gathering {
    const Meeting *meeting;
    uint32_t mask, arrived;
};

struct Warp {
    uint32_t live; // lanes that have not returned
    std::vector<Gathering> gatherings;
};

struct Running {
    Running();

    const Launch *launch;
    const Work *work;
    const Kernel *kernel;
    void *arguments[max_parameters];
    SharedArea shared; // static where the kernel has it here, and dynamic
    Block block;
    uint64_t block_number;

    bool fibers_on; // whether threads can wait
    unsigned n;     // threads of a block
    std::vector<Fiber> fibers;
    std::vector<Warp> warps;
    Stacks stacks;
    void *main_stack; // where to go on when all threads have returned
    unsigned current, live, arrived;
    uint32_t epoch = 0; // counts barriers and blocks
    Site site;
    int counted, count;
    int returned; // the last thread to return; -1

    Random random;
    bool shuffled;
    uint32_t step; // from a fiber to the one that is looked at next

    sigjmp_buf out; // of a launch that cannot go on
    CUresult error;
    uintptr_t fault_address;
    const void *fault_at;
    bool said_divergent;

    const char *stack_low, *stack_high; // of the host's thread
    Checks checks;                      // of the checked build

    Fiber &fiber() { return fibers[current]; }
    // now tells the checks which thread runs, when it or what orders it has changed.
    void now() {
        if (checked_build) checks.covered.set(current, fiber().warp_interval, epoch);
    }
    bool prepare(const Launch &l, const Work &w);
    void run();
    void run_block();
    void begin_block(uint64_t number);
    void go(unsigned i);
    void next();    // leaves the current fiber, which waits or has returned
    void release(); // all that wait at the barrier
    void arrive(Site at, bool predicate);
    void complete(Warp &w, unsigned first, size_t gathering);
    void complete_ready(Warp &w, unsigned first);
    void returned_one();
    void reorder();

    // where is "kernel k, block (0,0,0), thread (1,0,0)".
    std::string where() const;
    std::string where(uint64_t block_number, unsigned thread) const;

    // land makes the current thread's asynchronous copies of all but the latest `groups`, as late as they may come.
    void land(unsigned groups);
    void land_all(); // when the thread returns: a GPU does not drop what nobody waited for

    [[noreturn]] void abandon(CUresult error);
    [[noreturn]] void deadlock();
};

std::string text_of_site(const Site &s); // "pool.cu:12"

// The launch on this thread of the host, null when there is none.
extern __thread Running *running __attribute__((visibility("hidden"), tls_model("local-dynamic")));

} // namespace sim
