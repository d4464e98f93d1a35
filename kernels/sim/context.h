// context.h: virtual devices, contexts and the lock that everything behind the driver's functions is guarded by.
#pragma once

#include "clock.h"

#include <atomic>
#include <cuda.h>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace sim {

struct Stream;
struct Event;
struct Module;
struct GraphExec;

struct Context {
    int device;
    bool primary;
    unsigned flags;
    std::string name;                           // "device 0" or "device 0, context 3"
    std::atomic<CUresult> failed{CUDA_SUCCESS}; // sticky: what every call answers from now on
    std::set<const Context *> peers;
    std::set<std::shared_ptr<Stream>> streams; // the legacy stream too
    std::shared_ptr<Stream> legacy;
    std::set<std::shared_ptr<Event>> events;
    std::set<std::shared_ptr<Module>> modules;
    std::set<std::shared_ptr<GraphExec>> graphs;
};

struct Device {
    size_t used = 0; // bytes
    Context *primary = nullptr;
    unsigned retained = 0, primary_flags = 0;
    std::atomic<CUresult> lost{CUDA_SUCCESS}; // what its contexts answer once the device is lost
};

// The driver's state, under its lock. It is never destroyed: threads may outlive main.
struct Driver {
    std::mutex lock;
    bool initialised = false;
    std::deque<Device> devices;
    std::set<Context *> contexts;
    unsigned contexts_made = 0;
    Clock host; // all that some thread of the program has waited for
};

Driver &driver();
using Hold = std::unique_lock<std::mutex>;

// current is the context on top of this thread's stack, null when there is none.
Context *current();
std::vector<Context *> &context_stack();

// entered begins a call of the driver: it finds the current context and answers what stands against the call. The name
// is the function's.
CUresult entered(const char *function, Context **context);

// fail makes an error sticky in a context, unless one is already.
void fail(Context *context, CUresult error);
CUresult failure(const Context *context); // its own, or its device's

Context *make_context(int device, bool primary, unsigned flags);

// destroy waits for the context's work, reports what leaks, and frees everything. Without the lock.
void destroy(Context *context);

// account counts an allocation in the report; its size in use is the driver's.
struct Allocation;
void account(const Allocation &a, bool freed);

} // namespace sim
