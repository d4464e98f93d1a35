// pinned.h: what asynchronous copies read of pinned memory, to notice that the program writes there before it has
// waited for the copy. The driver does not see the host's writes. So it compares: what a copy was to read, when it was
// enqueued (or when it ran, where other work had still to write it), with what is there when the host learns that it is
// done.
#pragma once

#include "context.h"
#include "memory.h"

#include <atomic>

namespace sim {

class PinnedRead {
  public:
    // Of a copy that is enqueued next, under the driver's lock.
    PinnedRead(const Context *by, std::shared_ptr<Allocation> a, uintptr_t address, size_t bytes);
    void ran(); // now, on the stream's thread, before it copies
    void enqueued(const Stamp &by);

    // These want the driver's lock held, and the read enqueued.
    bool done(const Clock &host) const { return before(stamp, host); }
    bool meets(uintptr_t p, size_t n) const { return p < address + bytes && address < p + n; }
    void compare() const;

  private:
    static constexpr size_t piece = 4096; // bytes that one sum is of
    std::vector<uint64_t> sums() const;
    const Context *const context;
    const std::shared_ptr<Allocation> allocation;
    const uintptr_t address;
    const size_t bytes;
    Stamp stamp;
    std::vector<uint64_t> found;
    std::atomic<bool> known{false}; // found is
};
using PinnedReadRef = std::shared_ptr<PinnedRead>;

// watch keeps a read until host_learns of its end, or until work of a device may write there.
void watch(const PinnedReadRef &r);
void work_writes(uintptr_t p, size_t n);

// host_learns is what the host knows of after it waited.
void host_learns(const Clock &knows);

} // namespace sim
