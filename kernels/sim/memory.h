// memory.h: allocations, of devices and pinned ones of the host. Each has guard pages on both sides and ends at the
// second; a device's is filled with 0xff, which is NaN in every float format, without using the machine's memory before
// it is written. Freed memory stays unreadable, so that its use is noticed.
#pragma once

#include "history.h"

#include <cuda.h>
#include <memory>
#include <mutex>

namespace sim {

struct Context;
struct Cells;

struct Allocation {
    uintptr_t address;
    size_t bytes;
    char *map; // with its guards
    size_t map_bytes;
    bool host;        // pinned, not a device's
    bool portable;    // pinned for all contexts
    Context *context; // that allocated it, by address only once it is gone
    int device;
    uint64_t number; // of all allocations, in order
    bool freed = false;

    std::mutex lock; // for what follows
    History history;
    std::unique_ptr<Cells> cells; // of the checked build

    Allocation();
    ~Allocation();
    bool contains(uintptr_t p, size_t n) const { return p >= address && n <= bytes && p - address <= bytes - n; }
};

// allocate returns null when the machine has no memory.
std::shared_ptr<Allocation> allocate(size_t bytes, bool host, bool portable, Context *context, int device);

// release makes the memory unreadable, and reports bytes written between the allocation's end and the guard.
void release(const std::shared_ptr<Allocation> &a);

// find is the allocation that an address lies in, or just behind an empty rest of it; null when there is none.
// find_freed finds freed ones, buffer_text describes an address for diagnostics.
std::shared_ptr<Allocation> find(uintptr_t p);
std::shared_ptr<Allocation> find_freed(uintptr_t p);
std::string describe_address(uintptr_t p);
std::string describe(const Allocation &a);

// owned are a context's allocations.
std::vector<std::shared_ptr<Allocation>> owned(const Context *context);

// usable says whether work of a context may use an allocation, by peer access or because it is its own; the reason
// when not.
bool usable(const Context *by, const Allocation &a, std::string *reason);

// clear_bytes is memset, in which large zero ranges cost no memory of the machine until they are written.
void clear_bytes(uintptr_t p, uint8_t value, size_t n);

// The engine can name the buffers that it keeps within one allocation; the checked build then reports an access that
// runs from one into the next. The list of an allocation is replaced each time.
struct Buffer {
    uintptr_t address;
    size_t bytes;
};

} // namespace sim
