#include "running.h"
#include "diagnose.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>

namespace sim {

namespace {

constexpr size_t word = 4;

uint64_t packed(const Stamp &s) { return (uint64_t)s.line << 32 | s.tick; }
Stamp unpacked(uint64_t s) { return Stamp{(uint32_t)(s >> 32), (uint32_t)s}; }

// Who accessed a word within a launch: a thread, or more than one, in which case all of them in the same interval.
enum Many : uint64_t { one, of_warp, of_block, of_blocks };

struct Who {
    uint64_t block : 24, thread : 10, many : 2, interval : 16, warp_interval : 8, mask : 4; // mask: bytes of the word
};
static_assert(sizeof(Who) == 8, "who is one word");

uint64_t packed(const Who &w) { return as<uint64_t>(w); }

// conflicts says whether nothing orders an earlier access of the same launch before one of now.
bool conflicts(const Who &then, const Who &now) {
    if (!(then.mask & now.mask)) return false;
    if (then.many == of_blocks || then.block != now.block) return true;
    if (then.interval != now.interval) return false;
    if (then.many == of_block || then.thread / 32 != now.thread / 32) return true;
    if (then.warp_interval != now.warp_interval) return false;
    return then.many == of_warp || then.thread != now.thread;
}

// both is who has read a word when another one does.
Who both(const Who &then, Who now) {
    if (then.many == of_blocks || then.block != now.block) now.many = of_blocks;
    else if (then.interval != now.interval) return now;
    else if (then.many == of_block || then.thread / 32 != now.thread / 32) now.many = of_block;
    else if (then.warp_interval != now.warp_interval) return now;
    else if (then.many == of_warp || then.thread != now.thread) now.many = of_warp;
    now.mask |= then.mask;
    return now;
}

std::string thread_text(const Running &r, const Who &w) {
    if (w.many == of_blocks) return "threads of several blocks";
    if (w.many == of_block) return text_of("several threads of block %u", (unsigned)w.block);
    if (w.many == of_warp) return text_of("several lanes of a warp of block %u", (unsigned)w.block);
    const uint3 i = r.fibers[w.thread].thread.index;
    return text_of("thread (%u,%u,%u) of block %u", i.x, i.y, i.z, (unsigned)w.block);
}

// Range is where something of the process lies.
struct Range {
    uintptr_t begin = 0;
    size_t bytes = 0;
    bool has(uintptr_t p) const { return p - begin < bytes; }
};

// Own is where this library lies, and its thread-local memory, which holds the static shared memory of kernels.
struct Own {
    Range image, locals;
};

int find_own(dl_phdr_info *info, size_t, void *result) {
    const uintptr_t here = reinterpret_cast<uintptr_t>(&find_own);
    uintptr_t low = UINTPTR_MAX, high = 0;
    size_t locals = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const auto &p = info->dlpi_phdr[i];
        if (p.p_type == PT_TLS) locals = p.p_memsz;
        if (p.p_type != PT_LOAD) continue;
        const uintptr_t begin = info->dlpi_addr + p.p_vaddr;
        low = begin < low ? begin : low;
        high = begin + p.p_memsz > high ? begin + p.p_memsz : high;
    }
    if (here < low || here >= high) return 0;
    Own *own = static_cast<Own *>(result);
    own->image = Range{low, high - low};
    own->locals = Range{reinterpret_cast<uintptr_t>(info->dlpi_tls_data), info->dlpi_tls_data ? locals : 0};
    return 1;
}

const Own &own() {
    static thread_local Own o = [] {
        Own found;
        dl_iterate_phdr(find_own, &found);
        return found;
    }();
    return o;
}

Cells &cells_of(Allocation &a) {
    std::lock_guard<std::mutex> hold(a.lock);
    if (!a.cells) a.cells.reset(new Cells(a.bytes));
    return *a.cells;
}

const char *verb(bool write) { return write ? "writes" : "reads"; }
const char *past(bool write) { return write ? "wrote" : "read"; }

// ordered says whether an operation of another time is known to the one that runs.
bool ordered(uint64_t stamp, const Work &work) { return !stamp || stamp == packed(work.stamp) || before(unpacked(stamp), work.clock); }

// Seen is one access of a kernel.
struct Seen {
    Running &r;
    uintptr_t address;
    unsigned bytes;
    bool write, atomic;
    const void *at; // the instruction

    std::string text() const {
        return text_of("%s, at %s: %s 0x%zx", r.where().c_str(), place_of(at).c_str(), verb(write), (size_t)address);
    }
    Who who(uintptr_t of_word) const {
        unsigned mask = 0;
        for (unsigned i = 0; i < word; i++)
            if (of_word + i >= address && of_word + i < address + bytes) mask |= 1u << i;
        return Who{r.block_number & 0xffffff, r.current & 1023, one, r.interval, r.fiber().warp_interval, mask};
    }
};

void say_race(const Seen &s, const char *space, const Who &other, bool other_wrote) {
    if (s.r.said_race) return;
    s.r.said_race = true;
    diagnose("race", "%s in %s memory, which %s %s with no barrier between", s.text().c_str(), space, thread_text(s.r, other).c_str(), past(other_wrote));
}

void say_order(const Seen &s, const Allocation &a, uint64_t other, bool other_wrote) {
    if (s.r.said_order) return;
    s.r.said_order = true;
    diagnose("missing event", "%s, byte %zu of %s, which %s %s: no event or wait orders them (this is %s)", s.text().c_str(), (size_t)(s.address - a.address),
             describe(a).c_str(), name_of(unpacked(other)).c_str(), past(other_wrote), name_of(s.r.work->stamp).c_str());
}

void say_fresh(const Seen &s, const char *space) {
    if (s.r.said_fresh) return;
    s.r.said_fresh = true;
    diagnose("uninitialised read", "%s in %s memory, which nothing has written", s.text().c_str(), space);
}

// update compares an access with what a cell knows of this launch, and enters it.
void update(const Seen &s, Cell &c, const Who &now, const char *space) {
    const uint64_t me = packed(s.r.work->stamp);
    const Who wrote = as<Who>(c.write.who.load(std::memory_order_relaxed)), read = as<Who>(c.read.who.load(std::memory_order_relaxed));
    const bool wrote_now = c.write.stamp.load(std::memory_order_relaxed) == me, read_now = c.read.stamp.load(std::memory_order_relaxed) == me;
    if (!s.atomic) {
        if (wrote_now && conflicts(wrote, now)) say_race(s, space, wrote, true);
        else if (s.write && read_now && conflicts(read, now)) say_race(s, space, read, false);
    }
    Access &mine = s.write ? c.write : c.read;
    mine.stamp.store(me, std::memory_order_relaxed);
    mine.who.store(packed(!s.write && read_now ? both(read, now) : now), std::memory_order_relaxed);
}

// in_shared handles static and dynamic shared memory, of which nothing outlives its block.
bool in_shared(const Seen &s) {
    const Range locals = own().locals;
    const uintptr_t area = reinterpret_cast<uintptr_t>(s.r.block.shared);
    const size_t area_bytes = (size_t)(s.r.block.dynamic - s.r.block.shared) + s.r.launch->dynamic_bytes;
    size_t offset;
    if (s.address - area < area_bytes) offset = s.address - area;
    else if (locals.has(s.address)) offset = (s.r.shared.size() + s.address - locals.begin) / word * word + s.address % word;
    else return false;
    for (size_t i = offset / word; i <= (offset + s.bytes - 1) / word; i++) {
        Cell &c = s.r.shared_cells[i];
        const Who now = s.who(s.address - offset + i * word);
        const uint64_t me = packed(s.r.work->stamp);
        const auto current = [&](const Access &a) { return a.stamp == me && as<Who>(a.who.load()).block == now.block; };
        if (!current(c.write)) c.write.stamp = 0;
        if (!current(c.read)) c.read.stamp = 0;
        if (!c.write.stamp && !s.write) say_fresh(s, "shared");
        update(s, c, now, "shared");
    }
    return true;
}

// in_device handles an allocation.
void in_device(const Seen &s, Allocation &a) {
    Cells &cells = cells_of(a);
    const size_t offset = s.address - a.address;
    for (size_t i = offset / word; i <= (offset + s.bytes - 1) / word; i++) {
        Cell &c = cells.cells[i];
        uint64_t wrote = c.write.stamp.load(std::memory_order_relaxed);
        const uint64_t read = c.read.stamp.load(std::memory_order_relaxed);
        if (!wrote) wrote = cells.all.load(std::memory_order_relaxed);
        if (!wrote && !s.write && !a.host) say_fresh(s, "device");
        if (!ordered(wrote, *s.r.work)) say_order(s, a, wrote, true);
        else if (s.write && !ordered(read, *s.r.work)) say_order(s, a, read, false);
        update(s, c, s.who(a.address + i * word), "device");
    }
}

// allocation_of finds where an access goes, or ends the launch.
Allocation &allocation_of(const Seen &s) {
    for (auto &a : s.r.latest)
        if (a && a->contains(s.address, s.bytes)) return *a;
    auto a = find(s.address);
    if (a && a->contains(s.address, s.bytes)) {
        std::string reason;
        Hold hold(driver().lock);
        const bool ours = usable(s.r.launch->context, *a, &reason);
        hold.unlock();
        if (!ours) {
            diagnose("foreign memory", "%s: %s", s.text().c_str(), reason.c_str());
            s.r.abandon(CUDA_ERROR_ILLEGAL_ADDRESS);
        }
        auto &slot = s.r.latest[s.r.next_latest++ % Running::lately];
        slot = a;
        return *slot;
    }
    diagnose(!a && find_freed(s.address) ? "use after free" : "out of bounds", "%s, %u bytes: %s", s.text().c_str(), s.bytes,
             describe_address(a ? s.address + s.bytes - 1 : s.address).c_str());
    s.r.abandon(CUDA_ERROR_ILLEGAL_ADDRESS);
}

void see(const void *p, size_t bytes, bool write, bool atomic, const void *at) {
    Running *r = running;
    if (!r || !r->inside || bytes == 0) return;
    const uintptr_t address = reinterpret_cast<uintptr_t>(p);
    const Seen s{*r, address, (unsigned)bytes, write, atomic, at};
    if (in_shared(s)) return; // before the stack is looked at: TLS may lie in its mapping
    if (r->stacks.contains(p) || (p >= (const void *)r->stack_low && p < (const void *)r->stack_high)) return; // the thread's own
    if (own().image.has(address) && !write) return; // a constant
    in_device(s, allocation_of(s));
}

} // namespace

Cells::Cells(size_t bytes)
    : cells(static_cast<Cell *>(mmap(nullptr, (bytes / word + 1) * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))),
      count(bytes / word + 1) {}

Cells::~Cells() { munmap(cells, count * sizeof(Cell)); }

void Cells::forget() {
    mmap(cells, count * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

void touch_cells(uintptr_t address, size_t bytes, bool write, const Work &work) {
    if (!checked_build) return;
    auto a = find(address);
    if (!a || !a->contains(address, bytes) || bytes == 0) return;
    Cells &cells = cells_of(*a);
    const uint64_t me = packed(work.stamp), everyone = packed(Who{0, 0, of_blocks, 0, 0, 15});
    const size_t offset = address - a->address;
    bool said = false;
    for (size_t i = offset / word; i <= (offset + bytes - 1) / word; i++) {
        Cell &c = cells.cells[i];
        const uint64_t wrote = c.write.stamp ? c.write.stamp.load() : cells.all.load(), read = c.read.stamp;
        const bool after_write = ordered(wrote, work), after_read = !write || ordered(read, work);
        if (!said && !(after_write && after_read)) {
            said = true;
            diagnose("missing event", "%s %s byte %zu of %s, which %s %s: no event or wait orders them", name_of(work.stamp).c_str(), verb(write), i * word,
                     describe(*a).c_str(), name_of(unpacked(after_write ? read : wrote)).c_str(), past(!after_write));
        }
        if (write && bytes == a->bytes) continue;
        Access &mine = write ? c.write : c.read;
        mine.stamp.store(me, std::memory_order_relaxed);
        mine.who.store(everyone, std::memory_order_relaxed);
    }
    if (write && bytes == a->bytes) {
        cells.all = me;
        cells.forget();
    }
}

void begin_checks(Running &r) {
    if (!checked_build) return;
    const size_t bytes = r.shared.size() + own().locals.bytes + 2 * word;
    if (r.shared_cells.size() < bytes / word + 1) r.shared_cells = std::vector<Cell>(bytes / word + 1);
}

void end_checks(Running &r) {
    for (auto &a : r.latest) a = nullptr;
}

void check_copy(void *to, const void *from, unsigned bytes, unsigned source_bytes) {
    if (!checked_build) return;
    const void *at = __builtin_return_address(0);
    see(from, source_bytes, false, false, at);
    see(to, bytes, true, false, at);
}

void atomic_access(const void *p, unsigned bytes) {
    if (checked_build) see(p, bytes, true, true, __builtin_return_address(0));
}

} // namespace sim

// The instrumentation's calls. An instruction's address is that of the call.
#define CALL_SITE (static_cast<const char *>(__builtin_return_address(0)) - 1)
#define SEE(kind, write, bytes)                                                                                        \
    void __tsan_##kind##bytes(void *p) { sim::see(p, bytes, write, false, CALL_SITE); }                                \
    void __tsan_unaligned_##kind##bytes(void *p) { sim::see(p, bytes, write, false, CALL_SITE); }
#define SEE_BOTH(bytes) SEE(read, false, bytes) SEE(write, true, bytes)
#define ATOMIC(bits, T)                                                                                                \
    T __tsan_atomic##bits##_load(const volatile T *p, int) { return __atomic_load_n(p, __ATOMIC_RELAXED); }             \
    void __tsan_atomic##bits##_store(volatile T *p, T x, int) { __atomic_store_n(p, x, __ATOMIC_RELAXED); }             \
    T __tsan_atomic##bits##_exchange(volatile T *p, T x, int) { return __atomic_exchange_n(p, x, __ATOMIC_RELAXED); }   \
    T __tsan_atomic##bits##_fetch_add(volatile T *p, T x, int) { return __atomic_fetch_add(p, x, __ATOMIC_RELAXED); }   \
    T __tsan_atomic##bits##_fetch_sub(volatile T *p, T x, int) { return __atomic_fetch_sub(p, x, __ATOMIC_RELAXED); }   \
    T __tsan_atomic##bits##_fetch_and(volatile T *p, T x, int) { return __atomic_fetch_and(p, x, __ATOMIC_RELAXED); }   \
    T __tsan_atomic##bits##_fetch_or(volatile T *p, T x, int) { return __atomic_fetch_or(p, x, __ATOMIC_RELAXED); }     \
    T __tsan_atomic##bits##_fetch_xor(volatile T *p, T x, int) { return __atomic_fetch_xor(p, x, __ATOMIC_RELAXED); }   \
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

#ifdef SIM_CHECKED
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
}
#endif
