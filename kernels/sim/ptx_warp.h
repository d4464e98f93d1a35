// ptx_warp.h: shuffles, votes and matrices, by the collectives of host_warp.h.
#pragma once

#include <time.h>

namespace sim {
namespace ptx {

// A shuffle's last operand but one has the lanes of a segment that it may not leave, and the last lane that it may
// reach: PTX ISA, shfl.sync. A lane that would is given its own value.
struct Segment {
    int lane, first, last;
    explicit Segment(uint32_t clamp) {
        const uint32_t own = lane_id(), mask = clamp >> 8 & 31;
        lane = (int)own;
        first = (int)(own & mask);
        last = (int)((own & mask) | (clamp & 31 & ~mask));
    }
    uint32_t take(uint32_t mask, uint32_t value, int from, bool in_range, bool *ok) const {
        *ok = in_range;
        return shuffle(mask, value, (unsigned)(in_range ? from : lane));
    }
};
static inline uint32_t shuffle_up(uint32_t value, uint32_t by, uint32_t clamp, uint32_t mask, bool *ok) {
    const Segment s(clamp);
    const int from = s.lane - (int)(by & 31);
    return s.take(mask, value, from, from >= s.last, ok);
}
static inline uint32_t shuffle_down(uint32_t value, uint32_t by, uint32_t clamp, uint32_t mask, bool *ok) {
    const Segment s(clamp);
    const int from = s.lane + (int)(by & 31);
    return s.take(mask, value, from, from <= s.last, ok);
}
static inline uint32_t shuffle_bfly(uint32_t value, uint32_t by, uint32_t clamp, uint32_t mask, bool *ok) {
    const Segment s(clamp);
    const int from = s.lane ^ (int)(by & 31);
    return s.take(mask, value, from, from <= s.last, ok);
}
static inline uint32_t shuffle_idx(uint32_t value, uint32_t lane, uint32_t clamp, uint32_t mask, bool *ok) {
    const Segment s(clamp);
    const int from = s.first | (int)(lane & 31 & ~(clamp >> 8));
    return s.take(mask, value, from, from <= s.last, ok);
}

PTX_INLINE bool vote_any(uint32_t mask, bool p) { return __any_sync(mask, p); }
PTX_INLINE bool vote_all(uint32_t mask, bool p) { return __all_sync(mask, p); }
PTX_INLINE bool vote_uni(uint32_t mask, bool p) {
    const uint32_t yes = __ballot_sync(mask, p), here = __ballot_sync(mask, 1);
    return yes == 0 || yes == here;
}

// Like is a lane's value, the lanes that have the same, and whether all have.
struct Like {
    uint64_t value;
    uint32_t same;
    bool all;
};
static inline void complete_like(void *const lanes[32]) {
    for (int i = 0; i < 32; i++) {
        Like *l = (Like *)lanes[i];
        if (!l) continue;
        l->same = 0, l->all = true;
        for (int j = 0; j < 32; j++) {
            if (!lanes[j]) continue;
            if (((const Like *)lanes[j])->value == l->value) l->same |= 1u << j;
            else l->all = false;
        }
    }
}
static const Meeting meeting_like = {"match", false, complete_like};
template <class T> PTX_INLINE uint32_t match_any(uint32_t mask, T value, bool *ok) {
    Like l = {value, 0, false};
    meet(meeting_like, mask, &l);
    *ok = l.all;
    return l.same;
}
// match_all gives the lanes if they all have the same, else none.
template <class T> PTX_INLINE uint32_t match_all(uint32_t mask, T value, bool *ok) {
    const uint32_t same = match_any(mask, value, ok);
    return *ok ? same : 0;
}

// ldmatrix looks at the addresses of the first 8*n lanes only.
template <int n, bool transposed> PTX_INLINE void ldmatrix(const Block &block, uint32_t d[n], uint64_t row) {
    const char *p = block.shared;
    if (lane_id() < 8 * n) p = shared(block, row, 16);
    sim::ldmatrix<n, transposed>(d, p);
}

// clock counts nanoseconds.
static inline uint64_t clock() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

} // namespace ptx
} // namespace sim
