// instrument.cpp: what the checked build's kernels call at every access to memory, which is most of its time: the
// common cases are short, and their order is that of their frequency.
#include "seen.h"
#include "diagnose.h"

#include <string.h>

namespace sim {

namespace {

#define HOT inline __attribute__((always_inline))
#define COLD __attribute__((noinline))

// word_who is this thread in a word that an access has some bytes of.
Who word_who(const Seen &s, uintptr_t of_word) {
    unsigned mask = 0;
    for (unsigned i = 0; i < word; i++)
        if (of_word + i - s.address < s.bytes) mask |= 1u << i;
    Who now = who_of(s.r.checks.covered.thread);
    now.mask = mask, now.atomic = s.atomic;
    return now;
}

HOT void shared_word(const Seen &s, SharedCell &c, uintptr_t of_word) {
    const uint32_t block_epoch = s.r.checks.block_epoch;
    const Who now = word_who(s, of_word), wrote = who_of(c.write), read = who_of(c.read);
    if (wrote.epoch == now.epoch) {
        if (conflicts(wrote, now, block_epoch)) say_race(s, "shared", wrote, true);
    } else if (!s.write && wrote.epoch < block_epoch) say_fresh(s, "shared");
    if (!s.write) {
        c.read = packed(read.epoch == now.epoch ? both(read, now, block_epoch) : now);
        return;
    }
    if (read.epoch == now.epoch && conflicts(read, now, block_epoch)) say_race(s, "shared", read, false);
    c.write = packed(now);
}

void in_shared(const Seen &s, const SharedRange &v) {
    const uintptr_t first = s.address / word, last = (s.address + s.bytes - 1) / word;
    SharedCell *c = v.cells + (first - v.range.begin / word);
    for (uintptr_t w = first; w <= last; w++) shared_word(s, *c++, w * word);
}

// for_shared visits the cells of an asynchronous copy's target.
template <class F> void for_shared(const Seen &s, F visit) {
    for (const SharedRange &v : s.r.checks.shared) {
        if (!v.range.has(s.address, s.bytes)) continue;
        SharedCell *const c = v.cells + (s.address / word - v.range.begin / word);
        for (size_t i = 0; i < (s.bytes + word - 1) / word; i++) visit(s, c[i]);
    }
}

// check_order says whether what other launches did to a word is known to this one.
void check_order(const Seen &s, const Place &p, uint64_t wrote, uint64_t read) {
    Checks &k = s.r.checks;
    if (!wrote) wrote = p.cells->all.load(std::memory_order_relaxed);
    if (!wrote && !s.write && !p.allocation->host) say_fresh(s, "device");
    if (wrote && wrote != k.me) {
        if (ordered(wrote, *s.r.work)) k.known_write = wrote;
        else say_order(s, *p.allocation, wrote, true);
    }
    if (s.write && read && read != k.me) {
        if (ordered(read, *s.r.work)) k.known_read = read;
        else say_order(s, *p.allocation, read, false);
    }
}

HOT void device_word(const Seen &s, const Place &p, Cell &c, uintptr_t of_word) {
    Checks &k = s.r.checks;
    const Who now = word_who(s, of_word);
    const uint64_t wrote = c.write.at(), read = c.read.at();
    check_order(s, p, wrote, read);
    if (wrote == k.me && conflicts(c.write.by(), now, k.block_epoch)) say_race(s, "device", c.write.by(), true);
    else if (s.write && read == k.me && conflicts(c.read.by(), now, k.block_epoch))
        say_race(s, "device", c.read.by(), false);
    if (s.write) k.words_written += wrote != k.me;
    else k.words_read += wrote != k.me && read != k.me;
    if (s.write) c.write.set(k.me, now);
    else c.read.set(k.me, read == k.me ? both(c.read.by(), now, k.block_epoch) : now);
}

void in_device(const Seen &s, const Place &p) {
    const size_t offset = s.address - p.range.begin, first = offset / word, last = (offset + s.bytes - 1) / word;
    for (size_t i = first; i <= last; i++) device_word(s, p, p.cells->cells[i], p.range.begin + i * word);
}

COLD void see(const void *p, size_t bytes, bool write, bool atomic, const void *at) {
    Running *const r = running;
    if (!r || !bytes) return;
    const Seen s{*r, reinterpret_cast<uintptr_t>(p), bytes, write, atomic, at};
    for (const SharedRange &v : r->checks.shared)
        if (v.range.has(s.address, bytes)) return in_shared(s, v);
    for (const Place &place : r->checks.places)
        if (place.range.has(s.address, bytes)) return in_device(s, place);
    if (const Place *place = find_place(s)) in_device(s, *place);
}

// Of the words that the instruction accesses, these are whole.
template <size_t bytes> constexpr size_t whole_words = bytes < word ? 1 : bytes / word;

// read_before says that a read is of the thread's own memory, or of words that were read before, by this thread or by
// those that it stands for.
template <size_t bytes> HOT bool read_before(const void *p) {
    const Running *const r = running;
    if (!r) return true;
    const Checks &k = r->checks;
    const uintptr_t address = reinterpret_cast<uintptr_t>(p);
    if (k.stack.has(address)) return true;
    if (bytes >= word && address % word) return false;
    for (const SharedRange &v : k.shared) {
        if (!v.range.has(address, bytes)) continue;
        const SharedCell *c = v.cells + (address / word - v.range.begin / word);
        bool all = true;
        for (size_t i = 0; i < whole_words<bytes>; i++) all &= k.covered.by(c[i].read);
        return all;
    }
    for (const Place &place : k.places) {
        if (!place.range.has(address, bytes)) continue;
        const Cell *c = place.cells->cells + (address - place.range.begin) / word;
        bool all = true;
        for (size_t i = 0; i < whole_words<bytes>; i++)
            all &= c[i].read.at() == k.me && k.covered.in_blocks_by(c[i].read.who.load(std::memory_order_relaxed));
        return all;
    }
    return false;
}

// write_first enters a write of shared memory that nothing has accessed since the last barrier, and lets one of the
// thread's own memory pass; false when it did neither.
template <size_t bytes> HOT bool write_first(const void *p) {
    const Running *const r = running;
    if (!r) return true;
    const Checks &k = r->checks;
    const uintptr_t address = reinterpret_cast<uintptr_t>(p);
    if (k.stack.has(address)) return true;
    if (bytes < word || address % word) return false;
    for (const SharedRange &v : k.shared) {
        if (!v.range.has(address, bytes)) continue;
        SharedCell *c = v.cells + (address / word - v.range.begin / word);
        for (size_t i = 0; i < whole_words<bytes>; i++)
            if (epoch_of(c[i].write) == r->epoch || epoch_of(c[i].read) == r->epoch) return false;
        for (size_t i = 0; i < whole_words<bytes>; i++) c[i].write = k.covered.thread;
        return true;
    }
    return false;
}

} // namespace

uint64_t check_issue(void *to, unsigned bytes, const void *at) {
    if (!checked_build) return 0;
    see(to, bytes, true, false, at);
    for_shared(Seen{*running, reinterpret_cast<uintptr_t>(to), bytes, true, false, at},
               [](const Seen &, SharedCell &c) { c.read = 0; });
    return running->checks.covered.thread;
}

void check_landing(const AsyncCopy &c) {
    if (!checked_build) return;
    see(c.from, c.source_bytes, false, false, c.at);
    for_shared(Seen{*running, reinterpret_cast<uintptr_t>(c.to), c.bytes, true, false, c.at},
               [&](const Seen &s, SharedCell &cell) {
                   if (cell.write != c.issuer) say_overtaken(s, who_of(cell.write), true);
                   else if (cell.read) say_overtaken(s, who_of(cell.read), false);
                   cell.write = s.r.checks.covered.thread, cell.read = 0;
               });
}

void atomic_access(const void *p, unsigned bytes) {
    if (checked_build) see(p, bytes, true, true, __builtin_return_address(0));
}

} // namespace sim

#ifdef SIM_CHECKED

// An instruction's address is that of the call.
#define CALL_SITE (static_cast<const char *>(__builtin_return_address(0)) - 1)
#define SEE(kind, write, bytes, before)                                                                                \
    void __tsan_##kind##bytes(void *p) {                                                                               \
        if (!sim::before<bytes>(p)) sim::see(p, bytes, write, false, CALL_SITE);                                       \
    }                                                                                                                  \
    void __tsan_unaligned_##kind##bytes(void *p) { sim::see(p, bytes, write, false, CALL_SITE); }
#define SEE_BOTH(bytes) SEE(read, false, bytes, read_before) SEE(write, true, bytes, write_first)

#define ATOMIC(bits, T)                                                                                                \
    T __tsan_atomic##bits##_load(const volatile T *p, int) { return __atomic_load_n(p, __ATOMIC_RELAXED); }            \
    void __tsan_atomic##bits##_store(volatile T *p, T x, int) { __atomic_store_n(p, x, __ATOMIC_RELAXED); }            \
    T __tsan_atomic##bits##_exchange(volatile T *p, T x, int) { return __atomic_exchange_n(p, x, __ATOMIC_RELAXED); }  \
    T __tsan_atomic##bits##_fetch_add(volatile T *p, T x, int) { return __atomic_fetch_add(p, x, __ATOMIC_RELAXED); }  \
    T __tsan_atomic##bits##_fetch_sub(volatile T *p, T x, int) { return __atomic_fetch_sub(p, x, __ATOMIC_RELAXED); }  \
    T __tsan_atomic##bits##_fetch_and(volatile T *p, T x, int) { return __atomic_fetch_and(p, x, __ATOMIC_RELAXED); }  \
    T __tsan_atomic##bits##_fetch_or(volatile T *p, T x, int) { return __atomic_fetch_or(p, x, __ATOMIC_RELAXED); }    \
    T __tsan_atomic##bits##_fetch_xor(volatile T *p, T x, int) { return __atomic_fetch_xor(p, x, __ATOMIC_RELAXED); }  \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile T *p, T *e, T x, int, int) {                            \
        return __atomic_compare_exchange_n(p, e, x, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                        \
    }                                                                                                                  \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile T *p, T *e, T x, int, int) {                              \
        return __atomic_compare_exchange_n(p, e, x, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                        \
    }                                                                                                                  \
    T __tsan_atomic##bits##_compare_exchange_val(volatile T *p, T e, T x, int, int) {                                  \
        __atomic_compare_exchange_n(p, &e, x, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                              \
        return e;                                                                                                      \
    }

extern "C" {
SEE_BOTH(1)
SEE_BOTH(2)
SEE_BOTH(4)
SEE_BOTH(8)
SEE_BOTH(16)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_read_range(void *p, size_t n) { sim::see(p, n, false, false, CALL_SITE); }
void __tsan_write_range(void *p, size_t n) { sim::see(p, n, true, false, CALL_SITE); }
void *__tsan_memcpy(void *to, const void *from, size_t n) {
    sim::see(from, n, false, false, CALL_SITE);
    sim::see(to, n, true, false, CALL_SITE);
    return memcpy(to, from, n);
}
void *__tsan_memmove(void *to, const void *from, size_t n) {
    sim::see(from, n, false, false, CALL_SITE);
    sim::see(to, n, true, false, CALL_SITE);
    return memmove(to, from, n);
}
void *__tsan_memset(void *to, int value, size_t n) {
    sim::see(to, n, true, false, CALL_SITE);
    return memset(to, value, n);
}

// What gcc hands over with a pointer that is not aligned; the layout is that of its runtime library.
struct MisalignedAccess {
    sim::Site site; // and a column
    const void *type;
    unsigned char log_alignment, kind;
};
void __ubsan_handle_type_mismatch_v1(const MisalignedAccess *a, uintptr_t pointer) {
    sim::Running *r = sim::running;
    if (!r) return;
    sim::diagnose("misaligned access", "%s, at %s: 0x%zx is not a multiple of %u", r->where().c_str(),
                  sim::text_of_site(a->site).c_str(), (size_t)pointer, 1u << a->log_alignment);
    r->abandon(CUDA_ERROR_MISALIGNED_ADDRESS);
}
} // extern "C"
#endif
