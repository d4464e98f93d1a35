// harness.cpp runs translated kernels without the driver: for golden_test.go, which writes lines to its input
//
//	kernel threads in0 in1 in2 in3
//
// and reads for each line a line of what the threads stored, or "error" and what a check said. A kernel has two pointers
// as parameters: to the four inputs and to a place for each thread's output. All threads of a block are threads of the
// host here, at most a warp.
#include "sim/runtime.h"
#include "sim/table.h"

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

extern "C" {
extern const sim::Kernel *const __start_duet_kernels[];
extern const sim::Kernel *const __stop_duet_kernels[];
}

namespace {

struct Refusal {
    std::string what;
};

enum { lanes = 32, shared_bytes = 4096 };
alignas(16) struct { uint64_t before[4], input[4], between[4], output[lanes]; } memory;
auto &input = memory.input;
auto &output = memory.output;
alignas(16) char shared_memory[shared_bytes];

std::mutex lock;
std::condition_variable changed;
struct {
    const void *meeting;
    uint32_t mask, arrived;
    void *arguments[lanes];
    unsigned generation;
    int count, result;
} gathering;

// gather waits until all of a mask have come; the last one does the work.
template <class F> void gather(uint32_t mask, void *argument, F complete) {
    std::unique_lock<std::mutex> hold(lock);
    const unsigned lane = sim::thread->linear, mine = gathering.generation;
    gathering.arguments[lane] = argument;
    gathering.arrived |= 1u << lane;
    if (gathering.arrived != mask) {
        changed.wait(hold, [&] { return gathering.generation != mine; });
        return;
    }
    complete();
    gathering.arrived = 0;
    for (auto &a : gathering.arguments) a = nullptr;
    gathering.generation++;
    changed.notify_all();
}

unsigned threads_of_block() { return sim::block->size.x; }
uint32_t everyone() { return threads_of_block() == lanes ? ~0u : (1u << threads_of_block()) - 1; }

} // namespace

namespace sim {

__thread Thread *thread;
__thread Block *block;

uint3 thread_index() { return thread->index; }
uint3 block_index() { return block->index; }
dim3 block_size() { return block->size; }
dim3 grid_size() { return block->grid; }
char *dynamic_shared() { return block->dynamic; }

void barrier(Site) {
    gather(everyone(), nullptr, [] {});
}
int barrier_count(Site, bool predicate) {
    gather(everyone(), nullptr, [] { gathering.count = 0; });
    {
        std::lock_guard<std::mutex> hold(lock);
        gathering.count += predicate;
    }
    gather(everyone(), nullptr, [] { gathering.result = gathering.count; });
    return gathering.result;
}
void meet(const Meeting &meeting, uint32_t mask, void *argument) {
    if (threads_of_block() < lanes) mask &= everyone();
    gather(mask, argument, [&] {
        if (meeting.complete) meeting.complete(gathering.arguments);
    });
}
uint32_t active_mask() { return everyone(); }

void copy_async(void *shared, const void *global, unsigned bytes, unsigned source_bytes) {
    memcpy(shared, global, source_bytes);
    memset((char *)shared + source_bytes, 0, bytes - source_bytes);
}
void copy_async_commit() {}
void copy_async_wait(unsigned) {}
void atomic_access(const void *, unsigned) {}

void find_window(uint64_t address, unsigned bytes, unsigned alignment, Window &w) {
    if (address % alignment) throw Refusal{"misaligned access"};
    const struct {
        const void *begin;
        size_t size;
    } all[] = {{input, sizeof input}, {output, sizeof output}, {shared_memory, sizeof shared_memory}};
    for (auto &m : all)
        if (address - (uint64_t)m.begin < m.size && address + bytes <= (uint64_t)m.begin + m.size) {
            w.begin = (uint64_t)m.begin, w.room = m.size - bytes + 1;
            return;
        }
    if (!on_stack((const void *)address)) throw Refusal{"out of bounds"};
}
void bad_shared(uint64_t, unsigned) { throw Refusal{"bad shared"}; }
void trap(Site) { throw Refusal{"trap"}; }
bool on_stack(const void *p) {
    const char *here = (const char *)__builtin_frame_address(0);
    return (const char *)p > here - 4096 && (const char *)p < here + 65536;
}

} // namespace sim

namespace {

std::string run(const sim::Kernel &k, unsigned n) {
    std::string error;
    std::vector<std::thread> all;
    for (unsigned i = 0; i < n; i++)
        all.emplace_back([&, i] {
            sim::Window windows[sim::windows] = {};
            sim::Thread t = {{i, 0, 0}, i};
            sim::Block b = {};
            b.index = {2, 1, 0}, b.size = dim3(n, 1, 1), b.grid = dim3(5, 4, 3);
            b.shared = shared_memory, b.dynamic = shared_memory + k.shared_bytes;
            b.shared_bytes = k.shared_bytes + 64, b.windows = windows;
            sim::thread = &t, sim::block = &b;
            uint64_t in = (uint64_t)input, out = (uint64_t)output;
            void *arguments[] = {&in, &out};
            try {
                k.call(arguments);
            } catch (const Refusal &r) {
                error = "error " + r.what;
            }
        });
    for (auto &t : all) t.join();
    if (!error.empty()) return error;
    std::ostringstream text;
    for (unsigned i = 0; i < n; i++) text << (i ? " " : "") << output[i];
    return text.str();
}

} // namespace

int main() {
    std::string name;
    unsigned n;
    while (std::cin >> name >> n >> input[0] >> input[1] >> input[2] >> input[3]) {
        std::string result = "error no such kernel";
        for (auto &o : output) o = 0;
        memset(shared_memory, 0xff, sizeof shared_memory);
        for (auto k = __start_duet_kernels; k != __stop_duet_kernels; k++)
            if (name == (*k)->name) result = run(**k, n);
        std::cout << result << "\n";
    }
}
