#include "fiber.h"

#include <stdint.h>
#include <sys/mman.h>

namespace sim {

#if defined(__x86_64__)

// rbx, rbp and r12 to r15; the return address lies above them.
__asm__(".text\n"
        ".globl duet_sim_switch\n"
        ".hidden duet_sim_switch\n"
        ".type duet_sim_switch,@function\n"
        "duet_sim_switch:\n"
        "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp,(%rdi)\n"
        "mov %rsi,%rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
        "ret\n"
        ".size duet_sim_switch,.-duet_sim_switch\n");

void *new_stack(char *top, void (*entry)()) {
    void **sp = reinterpret_cast<void **>(reinterpret_cast<uintptr_t>(top) & ~(uintptr_t)15);
    *--sp = nullptr; // a return address of entry's, so that the stack is aligned as after a call
    *--sp = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++) *--sp = nullptr;
    return sp;
}

#elif defined(__aarch64__)

// x19 to x30 and the lower halves of v8 to v15, in 160 bytes.
__asm__(".text\n"
        ".globl duet_sim_switch\n"
        ".hidden duet_sim_switch\n"
        ".type duet_sim_switch,%function\n"
        "duet_sim_switch:\n"
        "sub sp, sp, #160\n"
        "stp x19, x20, [sp]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\n stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
        "mov x9, sp\n str x9, [x0]\n mov sp, x1\n"
        "ldp x19, x20, [sp]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\n ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
        "add sp, sp, #160\n"
        "ret\n"
        ".size duet_sim_switch,.-duet_sim_switch\n");

void *new_stack(char *top, void (*entry)()) {
    void **sp = reinterpret_cast<void **>(reinterpret_cast<uintptr_t>(top) & ~(uintptr_t)15) - 20;
    for (int i = 0; i < 20; i++) sp[i] = nullptr;
    sp[11] = reinterpret_cast<void *>(entry); // x30
    return sp;
}

#else
#error "no switch of stacks for this processor"
#endif

Stacks::~Stacks() {
    if (memory) munmap(memory, (size_t)count * stride);
}

bool Stacks::reserve(unsigned n) {
    if (n <= count) return true;
    void *m = mmap(nullptr, (size_t)n * stride, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (m == MAP_FAILED) return false;
    if (memory) munmap(memory, (size_t)count * stride);
    memory = static_cast<char *>(m);
    count = n;
    for (unsigned i = 0; i < n; i++) mprotect(memory + i * stride, guard, PROT_NONE);
    return true;
}

// The tops differ in their low bits, so that the fibers' frames do not fall on the same lines of the cache.
char *Stacks::top(unsigned i) const { return memory + (size_t)(i + 1) * stride - (i % 32) * 192; }

} // namespace sim
