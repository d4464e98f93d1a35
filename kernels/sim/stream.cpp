#include "stream.h"
#include "capture.h"
#include "cells.h"
#include "diagnose.h"
#include "fault.h"
#include "memory.h"
#include "pinned.h"
#include "settings.h"

#include <atomic>
#include <time.h>
#include <unistd.h>

namespace sim {

double now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

namespace {

std::string stream_name(const Context *c, bool legacy) {
    static std::atomic<unsigned> count{0};
    if (legacy) return "the legacy stream of " + c->name;
    return text_of("stream %u of %s", ++count, c->name.c_str());
}

} // namespace

Stream::Stream(Context *context, unsigned flags, bool legacy) : context(context), flags(flags), legacy(legacy) {
    line = take_timeline(stream_name(context, legacy));
    clock = driver().host;
    thread = std::thread([this] { work(); });
}

Stream::~Stream() { stop(); }

void Stream::push(std::function<void()> job, bool brief) {
    std::lock_guard<std::mutex> hold(lock);
    jobs.push_back(Job{std::move(job), brief});
    begun++;
    came.notify_one();
}

uint64_t Stream::pushed() {
    std::lock_guard<std::mutex> hold(lock);
    return begun;
}

void Stream::wait(uint64_t n) {
    std::unique_lock<std::mutex> hold(lock);
    finished.wait(hold, [&] { return done >= n; });
}

// An event that is the last of a stream's work is told before the stream knows that it is done: that little is waited
// for.
bool Stream::idle() {
    std::unique_lock<std::mutex> hold(lock);
    finished.wait(hold, [&] { return !brief || !jobs.empty(); });
    return done == begun;
}

void Stream::stop() {
    if (!thread.joinable()) return;
    {
        std::lock_guard<std::mutex> hold(lock);
        stopping = true;
        came.notify_one();
    }
    thread.join();
    give_timeline_back(line);
}

void Stream::work() {
    const Settings &s = settings();
    Random random(s.seed * 1000003 + line + 1);
    for (;;) {
        Job job;
        {
            std::unique_lock<std::mutex> hold(lock);
            came.wait(hold, [&] { return stopping || !jobs.empty(); });
            if (jobs.empty()) return;
            job = std::move(jobs.front());
            jobs.pop_front();
        }
        if (s.delay) usleep(random.below(s.delay + 1));
        if (job.brief) {
            std::lock_guard<std::mutex> hold(lock);
            brief = true;
        }
        job.run();
        job.run = nullptr; // what it held is gone before anybody is told
        std::lock_guard<std::mutex> hold(lock);
        brief = false;
        done++;
        finished.notify_all();
    }
}

void Event::signal(uint64_t n) {
    std::lock_guard<std::mutex> hold(lock);
    time = now();
    signals = n;
    changed.notify_all();
}

void Event::wait(uint64_t n) {
    std::unique_lock<std::mutex> hold(lock);
    changed.wait(hold, [&] { return signals >= n; });
}

bool Event::signalled(uint64_t n) {
    std::lock_guard<std::mutex> hold(lock);
    return signals >= n;
}

double Event::when() {
    std::lock_guard<std::mutex> hold(lock);
    return time;
}

CUresult stream_of(Context *context, CUstream handle, const char *function, StreamRef *stream) {
    if (!handle || handle == CU_STREAM_LEGACY) {
        *stream = context->legacy;
        return CUDA_SUCCESS;
    }
    for (auto &s : context->streams)
        if (s.get() == reinterpret_cast<Stream *>(handle)) {
            *stream = s;
            return CUDA_SUCCESS;
        }
    for (Context *c : driver().contexts)
        for (auto &s : c->streams)
            if (s.get() == reinterpret_cast<Stream *>(handle)) {
                diagnose("wrong context", "%s: a stream of %s, but %s is current", function, c->name.c_str(),
                         context->name.c_str());
                return CUDA_ERROR_INVALID_HANDLE;
            }
    diagnose("bad handle", "%s: not a stream, or a destroyed one", function);
    return CUDA_ERROR_INVALID_HANDLE;
}

CUresult event_of(Context *context, CUevent handle, const char *function, bool any_context, EventRef *event) {
    for (Context *c : driver().contexts)
        for (auto &e : c->events)
            if (e.get() == reinterpret_cast<Event *>(handle)) {
                *event = e;
                if (any_context || c == context) return CUDA_SUCCESS;
                diagnose("wrong context", "%s: an event of %s, but %s is wanted", function, c->name.c_str(),
                         context->name.c_str());
                return CUDA_ERROR_INVALID_HANDLE;
            }
    diagnose("bad handle", "%s: not an event, or a destroyed one", function);
    return CUDA_ERROR_INVALID_HANDLE;
}

namespace {

// misplaced says what is wrong with the addresses of an operation, and what the driver answers to a copy of them.
CUresult misplaced(const Context *context, const Operation &op) {
    for (const Touch &t : op.touches) {
        auto a = find(t.address);
        if (!a) {
            diagnose(find_freed(t.address) ? "use after free" : "wild pointer", "%s on %s: 0x%zx is %s",
                     op.name->c_str(), context->name.c_str(), (size_t)t.address, describe_address(t.address).c_str());
            return op.kind == Operation::launch ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_ERROR_INVALID_VALUE;
        }
        if (!a->contains(t.address, t.bytes)) {
            diagnose("out of bounds", "%s on %s: %zu bytes from byte %zu of %s", op.name->c_str(),
                     context->name.c_str(), t.bytes, (size_t)(t.address - a->address), describe(*a).c_str());
            return op.kind == Operation::launch ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_ERROR_INVALID_VALUE;
        }
        std::string reason;
        if (!t.anywhere && !usable(context, *a, &reason)) {
            diagnose("foreign memory", "%s: %s", op.name->c_str(), reason.c_str());
            return op.kind == Operation::launch ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_ERROR_INVALID_VALUE;
        }
    }
    return CUDA_SUCCESS;
}

// order_by_history compares an operation's memory with what earlier operations did there.
void order_by_history(const Operation &op, const Work &work) {
    for (const Touch &t : op.touches) {
        auto a = find(t.address);
        if (!a) continue;
        if (a->host && t.write) work_writes(t.address, t.bytes);
        History::Conflict c;
        std::unique_lock<std::mutex> hold(a->lock);
        if (!a->history.touch(t.address - a->address, t.bytes, t.write, work, &c)) continue;
        hold.unlock();
        diagnose("missing event", "%s %s byte %zu of %s, which %s %s: no event or wait orders them",
                 name_of(work.stamp).c_str(), t.write ? "writes" : "reads", c.offset, describe(*a).c_str(),
                 name_of(c.other).c_str(), c.other_wrote ? "wrote" : "read");
    }
}

Called called_by(const Operation &op) {
    return op.kind == Operation::launch ? Called::launch : op.kind == Operation::copy ? Called::copy : Called::other;
}

void execute_operation(Context *context, const Operation &op, const Work &work) {
    if (failure(context) != CUDA_SUCCESS) return;
    const double begin = now();
    const CUresult r = op.run(work);
    if (logging()) log("%s: %.3f ms", name_of(work.stamp).c_str(), now() - begin);
    if (r != CUDA_SUCCESS) fail(context, r);
}

} // namespace

CUresult issue_as(const StreamRef &s, const OperationRef &op, unsigned line, const Clock &knows, Stamp *stamp) {
    Context *const context = s->context;
    const CUresult wrong = misplaced(context, *op);
    if (wrong != CUDA_SUCCESS && op->kind != Operation::launch) return wrong;
    op->count();
    const CUresult injected = inject(context, called_by(*op));
    if (failure(context) != CUDA_SUCCESS) return failure(context);
    auto work = std::make_shared<Work>();
    work->clock = knows;
    work->name = op->name;
    *stamp = work->stamp = tick(line, op->name);
    work->clock.set(line, work->stamp.tick);
    const CUresult doomed = wrong != CUDA_SUCCESS ? wrong : injected;
    if (doomed == CUDA_SUCCESS) order_by_history(*op, *work);
    s->push([=] {
        if (doomed != CUDA_SUCCESS) fail(context, doomed);
        else execute_operation(context, *op, *work);
    });
    return CUDA_SUCCESS;
}

CUresult issue(const StreamRef &s, const OperationRef &op) {
    if (s->capture) return s->capture->add(s.get(), op);
    s->clock.join(driver().host);
    Stamp stamp;
    const CUresult r = issue_as(s, op, s->line, s->clock, &stamp);
    if (r == CUDA_SUCCESS && stamp.tick) s->clock.set(s->line, stamp.tick);
    return r;
}

CUresult order_legacy(const StreamRef &s, const char *function) {
    Context *const context = s->context;
    const auto wait_for = [&](const StreamRef &other) {
        const uint64_t n = other->pushed();
        s->clock.join(other->clock);
        s->push([other, n] { other->wait(n); });
    };
    if (!s->legacy) {
        if (s->blocking() && !s->capture && !context->legacy->idle()) wait_for(context->legacy);
        else if (s->blocking() && !s->capture) s->clock.join(context->legacy->clock);
        return CUDA_SUCCESS;
    }
    for (auto &other : context->streams)
        if (other->capture && other->blocking()) {
            other->capture->invalidate();
            diagnose("capture", "%s on the legacy stream while a blocking stream is capturing", function);
            return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
        }
    note("%s uses the legacy stream of %s, which waits for all blocking streams", function, context->name.c_str());
    for (auto &other : context->streams)
        if (other != s && other->blocking()) wait_for(other);
    return CUDA_SUCCESS;
}

void synchronize(Hold &hold, const StreamRef &s) {
    const Clock knows = s->clock;
    const uint64_t n = s->pushed();
    hold.unlock();
    s->wait(n);
    hold.lock();
    host_learns(knows);
}

void synchronize_all(Hold &hold, Context *context) {
    const std::set<StreamRef> streams = context->streams;
    for (auto &s : streams) synchronize(hold, s);
}

} // namespace sim
