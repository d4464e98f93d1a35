// seen.h: one access of a kernel in the checked build, and what is said of it.
#pragma once

#include "running.h"

namespace sim {

struct Seen {
    Running &r;
    uintptr_t address;
    size_t bytes;
    bool write, atomic;
    const void *at; // the instruction
};

// find_place finds the allocation that an access goes to and enters it among the latest; null for the thread's own
// memory and constants. It ends the launch where the access is not allowed.
Place *find_place(const Seen &s);

// Each once a launch.
void say_race(const Seen &s, const char *space, const Who &other, bool other_wrote);
void say_overtaken(const Seen &s, const Who &other, bool other_wrote); // an asynchronous copy, while it was under way
void say_fresh(const Seen &s, const char *space);
void say_order(const Seen &s, const Allocation &a, uint64_t other, bool other_wrote);

} // namespace sim
