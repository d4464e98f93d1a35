#include "running.h"
#include "diagnose.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

namespace sim {

__thread Thread *thread;
__thread Block *block;
__thread Running *running;

uint3 thread_index() { return thread->index; }
uint3 block_index() { return block->index; }
dim3 block_size() { return block->size; }
dim3 grid_size() { return block->grid; }
char *dynamic_shared() { return block->dynamic; }

namespace {

struct sigaction before_us[2];
const int signals[2] = {SIGSEGV, SIGBUS};
pthread_key_t running_key; // what `running` is, for the signal handler: the library's TLS may have to be made first

// on_fault leaves the kernel that did it. A fault elsewhere is none of ours.
void on_fault(int signal, siginfo_t *info, void *context) {
    Running *r = static_cast<Running *>(pthread_getspecific(running_key));
    if (r) {
        ucontext_t *u = static_cast<ucontext_t *>(context);
        r->fault_address = reinterpret_cast<uintptr_t>(info->si_addr);
#if defined(__x86_64__)
        r->fault_at = reinterpret_cast<const void *>(u->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
        r->fault_at = reinterpret_cast<const void *>(u->uc_mcontext.pc);
#endif
        pthread_sigmask(SIG_SETMASK, &u->uc_sigmask, nullptr);
        siglongjmp(r->out, 2);
    }
    const struct sigaction &old = before_us[signal == SIGBUS];
    if (old.sa_flags & SA_SIGINFO) old.sa_sigaction(signal, info, context);
    else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) old.sa_handler(signal);
    else ::signal(signal, SIG_DFL); // and it comes again
}

// A fault on a fiber's stack, perhaps by its overflow, needs another stack to be handled on.
void give_signal_stack() {
    stack_t old;
    if (sigaltstack(nullptr, &old) == 0 && !(old.ss_flags & SS_DISABLE)) return;
    static thread_local std::vector<char> memory(64 << 10);
    stack_t s{};
    s.ss_sp = memory.data();
    s.ss_size = memory.size();
    sigaltstack(&s, nullptr);
}

[[noreturn]] void fiber_main() {
    Running *r = running;
    r->kernel->call(r->arguments);
    running->returned_one();
    __builtin_unreachable();
}

Running &mine() {
    static thread_local std::unique_ptr<Running> r(new Running);
    return *r;
}

// explain_fault says what a memory fault was.
void explain_fault(const Running &r) {
    const std::string place = place_of(r.fault_at), where = r.where();
    if (r.stacks.guards(reinterpret_cast<const void *>(r.fault_address))) {
        diagnose("out of bounds", "%s, at %s: the thread's stack of 96 KiB is full", where.c_str(), place.c_str());
        return;
    }
    if (r.shared.guards(reinterpret_cast<const void *>(r.fault_address))) {
        diagnose("out of bounds",
                 "%s, at %s: access to 0x%zx, %zu bytes behind the end of %u bytes of dynamic shared memory",
                 where.c_str(), place.c_str(), (size_t)r.fault_address,
                 r.fault_address - reinterpret_cast<size_t>(r.block.dynamic) - r.launch->dynamic_bytes,
                 r.launch->dynamic_bytes);
        return;
    }
    const bool freed = find_freed(r.fault_address) != nullptr;
    diagnose(freed ? "use after free" : "out of bounds", "%s, at %s: access to 0x%zx, %s", where.c_str(), place.c_str(),
             (size_t)r.fault_address, describe_address(r.fault_address).c_str());
}

} // namespace

void catch_faults() {
    pthread_key_create(&running_key, nullptr);
    for (int i = 0; i < 2; i++) {
        struct sigaction a = {};
        a.sa_sigaction = on_fault;
        a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        sigfillset(&a.sa_mask);
        sigaction(signals[i], &a, &before_us[i]);
    }
}

Running::Running() : random(1) {
    give_signal_stack();
    pthread_attr_t a;
    void *low = nullptr;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &a) == 0) {
        pthread_attr_getstack(&a, &low, &size);
        pthread_attr_destroy(&a);
    }
    stack_low = static_cast<char *>(low);
    stack_high = stack_low + size;
}

SharedArea::~SharedArea() {
    if (memory) munmap(memory, size + page);
}

char *SharedArea::reserve(size_t bytes) {
    if (!memory) {
        void *m =
            mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (m == MAP_FAILED) return nullptr;
        memory = static_cast<char *>(m);
        mprotect(memory + size, page, PROT_NONE);
    }
    return bytes > size ? nullptr : memory + size - (bytes + 15) / 16 * 16;
}

bool Running::prepare(const Launch &l, const Work &w) {
    launch = &l, work = &w, kernel = l.function->kernel;
    for (unsigned i = 0; i < kernel->count; i++) arguments[i] = const_cast<uint64_t *>(&l.arguments[l.offsets[i]]);
    n = (unsigned)l.block.count();
    fibers_on = l.function->entry.synchronises;
    if (fibers.size() < n) fibers.resize(n);
    for (unsigned i = 0; i < n; i++) {
        fibers[i].thread.linear = i;
        fibers[i].thread.index = {i % l.block.x, i / l.block.x % l.block.y, i / l.block.x / l.block.y};
        fibers[i].warp_interval = 0;
    }
    warps.resize((n + 31) / 32);
    if (fibers_on && !stacks.reserve(n)) return false;
    const size_t static_bytes = ((size_t)kernel->shared_bytes + 15) / 16 * 16;
    block.shared = shared.reserve(static_bytes + l.dynamic_bytes);
    if (!block.shared) return false;
    memset(block.shared, 0xff, static_bytes + l.dynamic_bytes);
    block.dynamic = block.shared + static_bytes;
    block.shared_bytes = (uint32_t)static_bytes + l.dynamic_bytes;
    block.windows = fresh_windows();
    block.size = {l.block.x, l.block.y, l.block.z};
    block.grid = {l.grid.x, l.grid.y, l.grid.z};
    const uint64_t seed = settings().seed;
    shuffled = seed != 0;
    random = Random(seed + w.stamp.tick * 1000003ull + w.stamp.line);
    step = 1;
    error = CUDA_SUCCESS;
    fault_at = nullptr;
    said_divergent = false;
    return true;
}

std::string Running::where() const { return where(block_number, current); }

std::string Running::where(uint64_t b, unsigned t) const {
    const Shape &g = launch->grid;
    const uint3 i = fibers[t].thread.index;
    return text_of("kernel %s on %s, block (%u,%u,%u), thread (%u,%u,%u)", kernel->name, launch->context->name.c_str(),
                   (unsigned)(b % g.x), (unsigned)(b / g.x % g.y), (unsigned)(b / g.x / g.y), i.x, i.y, i.z);
}

void Running::abandon(CUresult why) {
    error = why;
    siglongjmp(out, 1);
}

void Running::begin_block(uint64_t number) {
    const Shape &g = launch->grid;
    block_number = number;
    block.index = {(unsigned)(number % g.x), (unsigned)(number / g.x % g.y), (unsigned)(number / g.x / g.y)};
    if (checked_build) memset(block.shared, 0xff, (size_t)(block.dynamic - block.shared) + launch->dynamic_bytes);
    epoch++;
    begin_block_checks(*this);
}

void Running::run() {
    const uint64_t blocks = launch->grid.count();
    Stride order;
    if (shuffled && blocks <= UINT32_MAX) order = Stride((uint32_t)blocks, random);
    uint64_t number = order.start;
    for (uint64_t i = 0; i < blocks; i++) {
        begin_block(number);
        run_block();
        number += order.step;
        if (number >= blocks) number -= blocks;
    }
}

void Running::run_block() {
    Stride order;
    if (shuffled) order = Stride(n, random);
    if (!fibers_on) {
        unsigned t = order.start;
        for (unsigned i = 0; i < n; i++) {
            current = t;
            thread = &fibers[t].thread;
            now();
            kernel->call(arguments);
            land_all();
            t += order.step;
            if (t >= n) t -= n;
        }
        return;
    }
    live = n, arrived = 0, returned = -1;
    for (unsigned w = 0; w < warps.size(); w++) {
        const unsigned lanes = n - 32 * w < 32 ? n - 32 * w : 32;
        warps[w].live = lanes == 32 ? ~0u : (1u << lanes) - 1;
        warps[w].gatherings.clear();
    }
    for (unsigned i = 0; i < n; i++) {
        Fiber &f = fibers[i];
        f.stack = new_stack(stacks.top(i), fiber_main);
        f.state = State::ready;
        f.copies.clear(); // of a launch that was abandoned
        f.groups = 0;
    }
    step = order.step;
    current = order.start;
    thread = &fiber().thread;
    now();
    duet_sim_switch(&main_stack, fiber().stack);
}

void Running::go(unsigned i) {
    if (i == current) return;
    void **save = &fiber().stack;
    current = i;
    thread = &fibers[i].thread;
    now();
    duet_sim_switch(save, fibers[i].stack);
}

void Running::next() {
    unsigned i = current;
    for (unsigned k = 0; k < n; k++) {
        i += step;
        if (i >= n) i -= n;
        if (fibers[i].state != State::ready) continue;
        go(i);
        return;
    }
    deadlock();
}

CUresult execute(const Launch &l, const Work &w) {
    Running &r = mine();
    if (!r.prepare(l, w)) return CUDA_ERROR_OUT_OF_MEMORY;
    begin_checks(r);
    block = &r.block;
    const int left = sigsetjmp(r.out, 0); // 1 by abandon, 2 by a memory fault
    if (left == 0) {
        running = &r;
        pthread_setspecific(running_key, &r);
        r.run();
    }
    pthread_setspecific(running_key, nullptr);
    running = nullptr;
    if (left == 2) {
        explain_fault(r);
        r.error = CUDA_ERROR_ILLEGAL_ADDRESS;
    }
    end_checks(r);
    return r.error;
}

} // namespace sim
