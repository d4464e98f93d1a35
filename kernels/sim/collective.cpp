// collective.cpp: where the threads of a block wait for each other.
#include "running.h"
#include "diagnose.h"

#include <string.h>

namespace sim {

std::string text_of_site(const Site &s) {
    const char *base = strrchr(s.file, '/');
    return text_of("%s:%d", base ? base + 1 : s.file, s.line);
}

namespace {

bool same(const Site &a, const Site &b) {
    return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0);
}

// waiting_thread is the running launch, in a kernel whose threads may wait.
Running &waiting_thread(const char *what) {
    Running &r = *running;
    if (r.fibers_on) return r;
    diagnose("stale ptx", "%s: its build for the host waits in %s, its PTX does not", r.where().c_str(), what);
    r.abandon(CUDA_ERROR_INVALID_IMAGE);
}

} // namespace

// The threads' order is another one after each barrier.
void Running::reorder() {
    if (!shuffled) return;
    const Stride order(n, random);
    step = order.step;
    if (fibers[order.start].state == State::ready) go(order.start);
}

void Running::release() {
    if (live < n && !said_divergent) {
        said_divergent = true;
        unsigned waits = 0;
        while (fibers[waits].state != State::at_barrier) waits++;
        diagnose("divergent barrier", "%s waits at %s, but %u threads of the block have returned, thread %d among them",
                 where(block_number, waits).c_str(), text_of_site(site).c_str(), n - live, returned);
    }
    for (unsigned i = 0; i < n; i++)
        if (fibers[i].state == State::at_barrier) fibers[i].state = State::ready;
    arrived = 0;
    count = counted;
    epoch++;
    now();
}

void Running::arrive(Site at, bool predicate) {
    if (arrived == 0) site = at, counted = 0;
    else if (!said_divergent && !same(at, site)) {
        said_divergent = true;
        diagnose("divergent barrier", "%s waits at %s, other threads of the block at %s", where().c_str(),
                 text_of_site(at).c_str(), text_of_site(site).c_str());
    }
    counted += predicate;
    arrived++;
    fiber().site = at;
    fiber().state = State::at_barrier;
    if (arrived < live) {
        next();
        return;
    }
    release();
    reorder();
}

void barrier(Site at) { waiting_thread("a barrier").arrive(at, false); }

int barrier_count(Site at, bool predicate) {
    Running &r = waiting_thread("a barrier");
    r.arrive(at, predicate);
    return r.count; // which the next barrier changes when all have read it
}

// complete ends a meeting: all its lanes go on.
void Running::complete(Warp &w, unsigned first, size_t index) {
    const Gathering g = w.gatherings[index];
    w.gatherings.erase(w.gatherings.begin() + (long)index);
    void *lanes[32];
    for (unsigned i = 0; i < 32; i++) {
        lanes[i] = nullptr;
        if (!(g.arrived >> i & 1)) continue;
        Fiber &f = fibers[first + i];
        lanes[i] = f.argument;
        f.state = State::ready;
        if (g.meeting->orders) f.warp_interval++;
    }
    now();
    if (g.meeting->complete) g.meeting->complete(lanes);
}

// complete_ready completes what a lane that has returned was waited for in.
void Running::complete_ready(Warp &w, unsigned first) {
    for (size_t i = 0; i < w.gatherings.size();) {
        const Gathering &g = w.gatherings[i];
        if ((g.mask & w.live & ~g.arrived) == 0) complete(w, first, i);
        else i++;
    }
}

void meet(const Meeting &meeting, uint32_t mask, void *argument) {
    Running &r = waiting_thread(meeting.name);
    const unsigned first = r.current & ~31u, lane = r.current & 31;
    Warp &w = r.warps[r.current / 32];
    if (!(mask >> lane & 1)) {
        diagnose("divergent warp", "%s: %s with mask %08x, which the lane itself is not in", r.where().c_str(),
                 meeting.name, mask);
        r.abandon(CUDA_ERROR_LAUNCH_FAILED);
    }
    size_t i = 0;
    while (i < w.gatherings.size() && (w.gatherings[i].mask != mask || w.gatherings[i].meeting != &meeting)) i++;
    if (i == w.gatherings.size()) w.gatherings.push_back(Gathering{&meeting, mask, 0});
    Gathering &g = w.gatherings[i];
    g.arrived |= 1u << lane;
    r.fiber().argument = argument;
    r.fiber().state = State::in_meeting;
    if ((mask & w.live & ~g.arrived) == 0) r.complete(w, first, i);
    else r.next();
}

uint32_t active_mask() {
    waiting_thread("activemask");
    return running->warps[running->current / 32].live;
}

// returned_one ends a thread that has returned from the kernel.
void Running::returned_one() {
    land_all();
    fiber().state = State::done;
    returned = (int)current;
    live--;
    Warp &w = warps[current / 32];
    w.live &= ~(1u << (current & 31));
    complete_ready(w, current & ~31u);
    if (live == 0) duet_sim_switch(&fiber().stack, main_stack);
    if (arrived == live) release();
    next();
}

void Running::deadlock() {
    std::string who;
    unsigned at_barrier = 0, first_at_barrier = 0;
    for (unsigned i = n; i--;)
        if (fibers[i].state == State::at_barrier) at_barrier++, first_at_barrier = i;
    if (at_barrier)
        who = text_of("%u threads, the first %u, wait at the barrier of %s", at_barrier, first_at_barrier,
                      text_of_site(fibers[first_at_barrier].site).c_str());
    int said = 0;
    for (size_t i = 0; i < warps.size(); i++)
        for (const Gathering &g : warps[i].gatherings)
            if (said++ < 4)
                who += text_of("%slanes %08x of warp %zu wait in %s for mask %08x", who.empty() ? "" : "; ", g.arrived,
                               i, g.meeting->name, g.mask & warps[i].live);
    const char *const check = said ? "divergent warp" : "divergent barrier";
    diagnose(check, "%s: the block can never go on: %s", where().c_str(), who.c_str());
    abandon(CUDA_ERROR_LAUNCH_TIMEOUT);
}

void copy_async(void *to, const void *from, unsigned bytes, unsigned source_bytes) {
    Fiber &f = running->fiber();
    const void *const at = __builtin_return_address(0);
    f.copies.push_back(AsyncCopy{to, from, bytes, source_bytes < bytes ? source_bytes : bytes, f.groups, at,
                                 check_issue(to, bytes, at)});
}

void copy_async_commit() { running->fiber().groups++; }

void copy_async_wait(unsigned pending) { running->land(pending); }

void Running::land(unsigned pending) {
    Fiber &f = fiber();
    size_t kept = 0;
    for (const AsyncCopy &c : f.copies) {
        if (c.group + pending >= f.groups) { // still under way
            f.copies[kept++] = c;
            continue;
        }
        check_landing(c);
        memcpy(c.to, c.from, c.source_bytes);
        memset(static_cast<char *>(c.to) + c.source_bytes, 0, c.bytes - c.source_bytes);
    }
    f.copies.resize(kept);
}

void Running::land_all() {
    fiber().groups++; // of what was not committed
    land(0);
}

} // namespace sim
