// access.h: who accessed a word of memory within a launch, and whether something orders two accesses.
#pragma once

#include <stdint.h>
#include <string.h>

namespace sim {

// Who is a thread, or more than one, in which case all of them between the same barriers. Epochs count the barriers and
// blocks that a thread of the host has run. What is not known of more than one is 0, so that equal ones are equal
// words.
struct Who {
    enum Many : uint64_t { one, of_warp, of_block, of_blocks };
    uint64_t mask : 4;  // bytes of the word
    uint64_t mixed : 1; // each of its threads has accessed other ones of the bytes
    uint64_t atomic : 1;
    uint64_t warp_interval : 8; // counts what orders the warp's memory
    uint64_t many : 2;
    uint64_t thread : 10; // the first of the warp's, of more than one
    uint64_t unused : 6;
    uint64_t epoch : 32;
};
static_assert(sizeof(Who) == 8, "who is one word");

inline uint64_t packed(const Who &w) {
    uint64_t u;
    memcpy(&u, &w, sizeof u);
    return u;
}
inline Who who_of(uint64_t u) {
    Who w;
    memcpy(&w, &u, sizeof w);
    return w;
}
inline uint32_t epoch_of(uint64_t who) { return (uint32_t)(who >> 32); }

// conflicts says whether nothing orders an access of the same launch before the one of now, whose block began at an
// epoch. Of threads that read different bytes of a word it is not known which read what: a write of some bytes is let
// pass.
inline bool conflicts(const Who &then, const Who &now, uint32_t block_epoch) {
    if (!(then.mask & now.mask) || (then.atomic && now.atomic) || (then.mixed && now.mask != 15)) return false;
    if (then.many == Who::of_blocks || then.epoch < block_epoch) return true;
    if (then.epoch != now.epoch) return false;
    if (then.many == Who::of_block || then.thread / 32 != now.thread / 32) return true;
    if (then.warp_interval != now.warp_interval) return false;
    return then.many == Who::of_warp || then.thread != now.thread;
}

// both is who has read a word when another one does.
inline Who both(const Who &then, const Who &now, uint32_t block_epoch) {
    const uint64_t mask = then.mask | now.mask, mixed = then.mixed || then.mask != now.mask;
    if (then.many == Who::of_blocks || then.epoch < block_epoch) return Who{mask, mixed, 0, 0, Who::of_blocks, 0, 0, 0};
    if (then.epoch != now.epoch) return now;
    if (then.many == Who::of_block || then.thread / 32 != now.thread / 32)
        return Who{mask, mixed, 0, 0, Who::of_block, 0, 0, now.epoch};
    if (then.warp_interval != now.warp_interval) return now;
    if (then.many == Who::of_warp || then.thread != now.thread)
        return Who{mask, mixed, 0, now.warp_interval, Who::of_warp, now.thread & ~31u, 0, now.epoch};
    return Who{mask, 0, 0, now.warp_interval, Who::one, now.thread, 0, now.epoch};
}

// Range is where something of the process lies.
struct Range {
    uintptr_t begin = 0;
    size_t bytes = 0;
    bool has(uintptr_t p) const { return p - begin < bytes; }
    bool has(uintptr_t p, size_t n) const { return p - begin < bytes && n <= bytes - (p - begin); }
};

} // namespace sim
