// host_warp.h: what the lanes of a warp do together. Each lane brings an argument to sim::meet; the last one to come
// works out everybody's result. Like the hardware's, only __syncwarp orders memory.
#pragma once

#include "runtime.h"

#define SIM_INLINE static inline __attribute__((always_inline))
#define SIM_COMPLETE static inline __attribute__((no_sanitize_thread))

namespace sim {

SIM_INLINE unsigned lane_id() {
#ifdef __SANITIZE_THREAD__
    const uint3 t = thread_index();
    const dim3 n = block_size();
    return (t.x + n.x * (t.y + n.y * t.z)) & 31;
#else
    return thread->linear & 31;
#endif
}

// Shuffle is a lane's value and whose it wants. The value of a lane that does not take part is all ones, a NaN.
struct Shuffle {
    uint64_t value, result;
    unsigned source;
};

SIM_COMPLETE void complete_shuffle(void *const lanes[32]) {
    for (int i = 0; i < 32; i++) {
        Shuffle *s = (Shuffle *)lanes[i];
        if (!s) continue;
        const Shuffle *from = (const Shuffle *)lanes[s->source & 31];
        s->result = from ? from->value : ~(uint64_t)0;
    }
}

template <class T> SIM_INLINE T shuffle(uint32_t mask, T value, unsigned source) {
    static_assert(sizeof(T) <= 8, "values of at most 8 bytes");
    static const Meeting meeting = {"shuffle", false, complete_shuffle};
    Shuffle s = {0, 0, source};
    memcpy(&s.value, &value, sizeof value);
    meet(meeting, mask, &s);
    T result;
    memcpy(&result, &s.result, sizeof result);
    return result;
}

// Vote is a lane's 32 bits and a fold of all lanes'.
struct Vote {
    uint32_t value, result;
};

template <class F> SIM_COMPLETE void fold(void *const lanes[32], F f) {
    bool first = true;
    uint32_t all = 0;
    for (int i = 0; i < 32; i++)
        if (lanes[i]) {
            const uint32_t v = ((const Vote *)lanes[i])->value;
            all = first ? v : f(all, v);
            first = false;
        }
    for (int i = 0; i < 32; i++)
        if (lanes[i]) ((Vote *)lanes[i])->result = all;
}

SIM_COMPLETE void complete_ballot(void *const lanes[32]) {
    uint32_t all = 0;
    for (int i = 0; i < 32; i++)
        if (lanes[i] && ((const Vote *)lanes[i])->value) all |= 1u << i;
    for (int i = 0; i < 32; i++)
        if (lanes[i]) ((Vote *)lanes[i])->result = all;
}

SIM_COMPLETE void complete_match(void *const lanes[32]) {
    for (int i = 0; i < 32; i++) {
        if (!lanes[i]) continue;
        uint32_t same = 0;
        for (int j = 0; j < 32; j++)
            if (lanes[j] && ((const Vote *)lanes[j])->value == ((const Vote *)lanes[i])->value) same |= 1u << j;
        ((Vote *)lanes[i])->result = same;
    }
}

SIM_COMPLETE void complete_add(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return a + b; });
}
SIM_COMPLETE void complete_and(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return a & b; });
}
SIM_COMPLETE void complete_or(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return a | b; });
}
SIM_COMPLETE void complete_xor(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return a ^ b; });
}
SIM_COMPLETE void complete_umin(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return a < b ? a : b; });
}
SIM_COMPLETE void complete_umax(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return a > b ? a : b; });
}
SIM_COMPLETE void complete_smin(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return (int)a < (int)b ? a : b; });
}
SIM_COMPLETE void complete_smax(void *const lanes[32]) {
    fold(lanes, [](uint32_t a, uint32_t b) { return (int)a > (int)b ? a : b; });
}

SIM_INLINE uint32_t vote(const Meeting &meeting, uint32_t mask, uint32_t value) {
    Vote v = {value, 0};
    meet(meeting, mask, &v);
    return v.result;
}

static const Meeting meeting_sync = {"__syncwarp", true, nullptr};
static const Meeting meeting_ballot = {"vote", false, complete_ballot};
static const Meeting meeting_match = {"match", false, complete_match};
static const Meeting meeting_add = {"reduce add", false, complete_add};
static const Meeting meeting_and = {"reduce and", false, complete_and};
static const Meeting meeting_or = {"reduce or", false, complete_or};
static const Meeting meeting_xor = {"reduce xor", false, complete_xor};
static const Meeting meeting_umin = {"reduce min", false, complete_umin};
static const Meeting meeting_umax = {"reduce max", false, complete_umax};
static const Meeting meeting_smin = {"reduce min", false, complete_smin};
static const Meeting meeting_smax = {"reduce max", false, complete_smax};

} // namespace sim

SIM_INLINE void __syncwarp(unsigned mask = 0xffffffffu) {
    sim::meet(sim::meeting_sync, mask, (void *)&sim::meeting_sync);
}
SIM_INLINE unsigned __activemask() { return sim::active_mask(); }

template <class T> SIM_INLINE T __shfl_sync(unsigned mask, T x, int source, int width = 32) {
    const unsigned lane = sim::lane_id(), w = (unsigned)width - 1;
    return sim::shuffle(mask, x, (lane & ~w) | ((unsigned)source & w));
}
template <class T> SIM_INLINE T __shfl_down_sync(unsigned mask, T x, unsigned delta, int width = 32) {
    const unsigned lane = sim::lane_id(), w = (unsigned)width - 1;
    return sim::shuffle(mask, x, (lane & w) + delta <= w ? lane + delta : lane);
}
template <class T> SIM_INLINE T __shfl_up_sync(unsigned mask, T x, unsigned delta, int width = 32) {
    const unsigned lane = sim::lane_id(), w = (unsigned)width - 1;
    return sim::shuffle(mask, x, (lane & w) >= delta ? lane - delta : lane);
}
template <class T> SIM_INLINE T __shfl_xor_sync(unsigned mask, T x, int flip, int width = 32) {
    const unsigned lane = sim::lane_id(), w = (unsigned)width - 1, from = lane ^ (unsigned)flip;
    return sim::shuffle(mask, x, (from & ~w) <= (lane & ~w) ? from : lane);
}

SIM_INLINE unsigned __ballot_sync(unsigned mask, int predicate) {
    return sim::vote(sim::meeting_ballot, mask, predicate != 0);
}
SIM_INLINE int __any_sync(unsigned mask, int predicate) {
    return sim::vote(sim::meeting_or, mask, predicate != 0) != 0;
}
SIM_INLINE int __all_sync(unsigned mask, int predicate) {
    return sim::vote(sim::meeting_and, mask, predicate != 0) != 0;
}
SIM_INLINE unsigned __match_any_sync(unsigned mask, unsigned x) { return sim::vote(sim::meeting_match, mask, x); }
SIM_INLINE unsigned __reduce_add_sync(unsigned mask, unsigned x) { return sim::vote(sim::meeting_add, mask, x); }
SIM_INLINE int __reduce_add_sync(unsigned mask, int x) { return (int)sim::vote(sim::meeting_add, mask, (unsigned)x); }
SIM_INLINE unsigned __reduce_min_sync(unsigned mask, unsigned x) { return sim::vote(sim::meeting_umin, mask, x); }
SIM_INLINE int __reduce_min_sync(unsigned mask, int x) { return (int)sim::vote(sim::meeting_smin, mask, (unsigned)x); }
SIM_INLINE unsigned __reduce_max_sync(unsigned mask, unsigned x) { return sim::vote(sim::meeting_umax, mask, x); }
SIM_INLINE int __reduce_max_sync(unsigned mask, int x) { return (int)sim::vote(sim::meeting_smax, mask, (unsigned)x); }
SIM_INLINE unsigned __reduce_and_sync(unsigned mask, unsigned x) { return sim::vote(sim::meeting_and, mask, x); }
SIM_INLINE unsigned __reduce_or_sync(unsigned mask, unsigned x) { return sim::vote(sim::meeting_or, mask, x); }
SIM_INLINE unsigned __reduce_xor_sync(unsigned mask, unsigned x) { return sim::vote(sim::meeting_xor, mask, x); }

#include "host_mma.h"

#undef SIM_INLINE
#undef SIM_COMPLETE
