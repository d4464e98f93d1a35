#include "checks.h"
#include "diagnose.h"
#include "report.h"
#include "seen.h"

#include <algorithm>

namespace sim {

namespace {

std::string thread_text(const Running &r, const Who &w) {
    if (w.many == Who::of_blocks) return "threads of several blocks";
    const auto &begun = r.checks.begun;
    const auto after = std::upper_bound(begun.begin(), begun.end(), w.epoch,
                                        [](uint32_t epoch, const Checks::Begun &b) { return epoch < b.epoch; });
    const std::string block =
        after == begun.begin() ? "an earlier block" : text_of("block %llu", (unsigned long long)(after - 1)->block);
    if (w.many == Who::of_block) return "several threads of " + block;
    if (w.many == Who::of_warp) return "several lanes of a warp of " + block;
    const uint3 i = r.fibers[w.thread].thread.index;
    return text_of("thread (%u,%u,%u) of %s", i.x, i.y, i.z, block.c_str());
}

std::string text(const Seen &s) {
    return text_of("%s, at %s: %s 0x%zx", s.r.where().c_str(), place_of(s.at).c_str(), s.write ? "writes" : "reads",
                   (size_t)s.address);
}

// forbid ends a launch that touched what it may not.
[[noreturn]] void forbid(const Seen &s, const char *check, const std::string &what) {
    diagnose(check, "%s, %zu bytes: %s", text(s).c_str(), s.bytes, what.c_str());
    s.r.abandon(CUDA_ERROR_ILLEGAL_ADDRESS);
}

// shared_problem describes an address near a kernel's shared memory, but not in it; empty when it is elsewhere.
std::string shared_problem(const Seen &s) {
    const SharedRange *nearest = nullptr;
    for (const SharedRange &v : s.r.checks.shared)
        if (s.address >= v.range.begin && (!nearest || v.range.begin > nearest->range.begin)) nearest = &v;
    const bool local = s.r.checks.locals.has(s.address);
    if (!nearest) return local ? "shared memory that is not the kernel's" : "";
    const size_t end = nearest->range.begin + nearest->range.bytes,
                 past = s.address + s.bytes > end ? s.address + s.bytes - end : 0;
    if (!local && past > 4096) return "";
    return text_of("%zu bytes behind the end of %zu bytes of shared memory, %s", past, nearest->range.bytes,
                   nearest->name ? nearest->name->c_str() : "dynamic");
}

} // namespace

void say_race(const Seen &s, const char *space, const Who &other, bool other_wrote) {
    if (s.r.checks.said_race) return;
    s.r.checks.said_race = true;
    diagnose("race", "%s in %s memory, which %s %s with no barrier between", text(s).c_str(), space,
             thread_text(s.r, other).c_str(), other_wrote ? "wrote" : "read");
}

void say_overtaken(const Seen &s, const Who &other, bool other_wrote) {
    if (s.r.checks.said_race) return;
    s.r.checks.said_race = true;
    diagnose("race",
             "%s in shared memory by an asynchronous copy, and %s %s there while it was under way: no wait for the "
             "copy before",
             text(s).c_str(), thread_text(s.r, other).c_str(), other_wrote ? "wrote" : "read");
}

void say_fresh(const Seen &s, const char *space) {
    if (s.r.checks.said_fresh) return;
    s.r.checks.said_fresh = true;
    diagnose("uninitialised read", "%s in %s memory, which nothing has written", text(s).c_str(), space);
}

void say_order(const Seen &s, const Allocation &a, uint64_t other, bool other_wrote) {
    if (s.r.checks.said_order) return;
    s.r.checks.said_order = true;
    diagnose("missing event", "%s, byte %zu of %s, which %s %s: no event or wait orders them (this is %s)",
             text(s).c_str(), (size_t)(s.address - a.address), describe(a).c_str(), name_of(stamp_of(other)).c_str(),
             other_wrote ? "wrote" : "read", name_of(s.r.work->stamp).c_str());
}

Place *find_place(const Seen &s) {
    Running &r = s.r;
    if (r.checks.stack.has(s.address)) return nullptr;             // its own
    if (r.checks.image.has(s.address) && !s.write) return nullptr; // a constant
    auto a = find(s.address);
    if (!a || !a->contains(s.address, s.bytes)) {
        const std::string shared = a ? "" : shared_problem(s);
        if (!shared.empty()) forbid(s, "out of bounds", shared);
        forbid(s, !a && find_freed(s.address) ? "use after free" : "out of bounds",
               describe_address(a ? s.address + s.bytes - 1 : s.address));
    }
    std::string reason;
    Hold hold(driver().lock);
    const bool ours = usable(r.launch->context, *a, &reason);
    hold.unlock();
    if (!ours) forbid(s, "foreign memory", reason);
    Place &place = r.checks.places[r.checks.next_place++ % Checks::lately];
    place = Place{Range{a->address, a->bytes}, &cells_of(*a), a};
    return &place;
}

void begin_checks(Running &r) {
    if (!checked_build) return;
    Checks &c = r.checks;
    c.me = packed(r.work->stamp);
    c.said_race = c.said_order = c.said_fresh = false;
    c.known_write = c.known_read = 0;
    c.words_read = c.words_written = 0;
    c.locals = own_locals(), c.image = own_image();
    const uintptr_t low = reinterpret_cast<uintptr_t>(r.stack_low), high = reinterpret_cast<uintptr_t>(r.stack_high);
    if (r.fibers_on) c.stack = Range{reinterpret_cast<uintptr_t>(r.stacks.begin()), r.stacks.bytes()};
    else
        c.stack =
            Range{low, (c.locals.begin - low < high - low ? c.locals.begin : high) - low}; // TLS may lie at its end
    c.begun.clear(), c.shared.clear();
    const auto add = [&](uintptr_t begin, size_t bytes, const std::string *name) {
        if (bytes) c.shared.push_back(SharedRange{Range{begin, bytes}, nullptr, name});
    };
    for (const SharedVariable &v : r.launch->function->shared) add(c.locals.begin + v.offset, v.bytes, &v.name);
    add(reinterpret_cast<uintptr_t>(r.block.shared), (size_t)(r.block.dynamic - r.block.shared), nullptr);
    add(reinterpret_cast<uintptr_t>(r.block.dynamic), r.launch->dynamic_bytes, nullptr);
    size_t cells = 0;
    for (SharedRange &v : c.shared) cells += v.range.bytes / word + 2;
    if (c.shared_cells.size() < cells || r.epoch > UINT32_MAX / 2) {
        c.shared_cells.assign(std::max(cells, c.shared_cells.size()), SharedCell{});
        r.epoch = 0;
    }
    SharedCell *next = c.shared_cells.data();
    for (SharedRange &v : c.shared) v.cells = next, next += v.range.bytes / word + 2;
}

void begin_block_checks(Running &r) {
    if (!checked_build) return;
    r.checks.block_epoch = r.epoch;
    r.checks.begun.push_back(Checks::Begun{r.epoch, r.block_number});
}

void end_checks(Running &r) {
    if (!checked_build) return;
    {
        StatisticsHold s;
        DeviceStatistics &d = s->devices[(size_t)r.launch->context->device];
        d.read[*r.launch->function->name] += r.checks.words_read * word;
        d.written[*r.launch->function->name] += r.checks.words_written * word;
    }
    for (Place &p : r.checks.places) p = Place{};
}

} // namespace sim
