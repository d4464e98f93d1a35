#include "context.h"
#include "capture.h"
#include "diagnose.h"
#include "memory.h"
#include "module.h"
#include "report.h"
#include "settings.h"

namespace sim {

Driver &driver() {
    static Driver *d = new Driver;
    return *d;
}

std::vector<Context *> &context_stack() {
    static thread_local std::vector<Context *> stack;
    return stack;
}

Context *current() {
    const auto &stack = context_stack();
    return stack.empty() ? nullptr : stack.back();
}

CUresult failure(const Context *context) {
    const CUresult lost = driver().devices[(size_t)context->device].lost;
    return lost != CUDA_SUCCESS ? lost : context->failed.load();
}

void fail(Context *context, CUresult error) {
    CUresult none = CUDA_SUCCESS;
    context->failed.compare_exchange_strong(none, error);
}

CUresult entered(const char *function, Context **context) {
    if (!driver().initialised) {
        diagnose("not initialised", "%s before cuInit", function);
        return CUDA_ERROR_NOT_INITIALIZED;
    }
    *context = current();
    if (!*context) {
        diagnose("wrong context", "%s: no context is current on this thread", function);
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (!driver().contexts.count(*context)) {
        diagnose("wrong context", "%s: the current context was destroyed", function);
        return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    }
    return failure(*context);
}

Context *make_context(int device, bool primary, unsigned flags) {
    Driver &d = driver();
    auto c = new Context{device, primary, flags, {}, {}, {}, {}, {}, {}, {}, {}};
    c->name = primary ? text_of("device %d", device) : text_of("device %d, context %u", device, ++d.contexts_made);
    c->legacy = std::make_shared<Stream>(c, CU_STREAM_DEFAULT, true);
    c->streams.insert(c->legacy);
    d.contexts.insert(c);
    return c;
}

namespace {

void leak(const Context *c, size_t count, const std::string &what) {
    if (count == 0) return;
    const std::string text = text_of("%s ended with %zu %s", c->name.c_str(), count, what.c_str());
    StatisticsHold()->leaks.push_back(text);
    diagnose("leak", "%s", text.c_str());
}

// report_leaks says what the program did not free. After a failure the driver refuses to free anything.
void report_leaks(const Context *c, const std::vector<std::shared_ptr<Allocation>> &allocations) {
    if (failure(c) != CUDA_SUCCESS) return;
    size_t device = 0, device_bytes = 0, pinned = 0, pinned_bytes = 0;
    for (auto &a : allocations) {
        (a->host ? pinned : device)++;
        (a->host ? pinned_bytes : device_bytes) += a->bytes;
    }
    leak(c, device, text_of("allocations of %zu bytes", device_bytes));
    leak(c, pinned, text_of("pinned allocations of %zu bytes", pinned_bytes));
    leak(c, c->streams.size() - 1, "streams"); // but for the legacy one
    leak(c, c->events.size(), "events");
    leak(c, c->modules.size(), "modules");
    leak(c, c->graphs.size(), "graphs");
    for (auto &s : c->streams)
        if (s->capture)
            diagnose("capture", "%s ended with a stream that is capturing: cuStreamEndCapture did not end it",
                     c->name.c_str());
}

} // namespace

// At the process's end, where it has one: os.Exit of a Go program is the machine's, and ends without.
__attribute__((destructor)) static void report_open_contexts() {
    std::unique_lock<std::mutex> hold(driver().lock, std::try_to_lock);
    if (!hold || driver().contexts.empty()) return;
    for (const Context *c : driver().contexts) {
        report_leaks(c, owned(c));
        const std::string text =
            c->name + " was not " + (c->primary ? "released" : "destroyed") + " when the process ended";
        StatisticsHold()->leaks.push_back(text);
        diagnose("leak", "%s", text.c_str());
    }
    write_report(true);
}

void account(const Allocation &a, bool freed) {
    StatisticsHold s;
    DeviceStatistics &d = s->devices[(size_t)a.context->device];
    uint64_t &now = a.host ? d.pinned : d.memory, &peak = a.host ? d.pinned_peak : d.memory_peak;
    if (freed) {
        now -= a.bytes;
        return;
    }
    now += a.bytes;
    if (now > peak) peak = now;
    if (!a.host) d.allocations++;
}

void destroy(Context *c) {
    Hold hold(driver().lock);
    synchronize_all(hold, c);
    const auto allocations = owned(c);
    report_leaks(c, allocations);
    for (auto &a : allocations) {
        if (!a->host) driver().devices[(size_t)c->device].used -= a->bytes;
        account(*a, true);
        release(a);
    }
    driver().contexts.erase(c);
    for (Context *other : driver().contexts) other->peers.erase(c);
    auto &stack = context_stack();
    if (!stack.empty() && stack.back() == c) stack.pop_back();
    const bool last = driver().contexts.empty();
    if (last && failure(c) == CUDA_SUCCESS) leak(c, captured_graphs(), "captured graphs");
    hold.unlock();
    for (auto &s : c->streams) s->stop();
    // The context itself stays, empty: handles of it that the program still has are told apart from a later context's.
    c->streams.clear(), c->legacy.reset(), c->events.clear(), c->modules.clear(), c->graphs.clear();
    write_report(last);
}

} // namespace sim
