// fiber.h: stacks and the switch between them.
#pragma once

#include <stddef.h>

namespace sim {

// switch_stack saves the registers that a call must keep, stores the stack pointer and goes on where another stack
// stopped.
extern "C" void duet_sim_switch(void **save, void *to);

// new_stack prepares a stack, of which top is the end, to begin in entry, which must not return.
void *new_stack(char *top, void (*entry)());

// Stacks are as many as asked for, each with a guard page below it.
class Stacks {
  public:
    ~Stacks();
    bool reserve(unsigned count); // false when the machine has no memory
    char *top(unsigned i) const;
    const char *begin() const { return memory; }
    size_t bytes() const { return (size_t)count * stride; }
    bool contains(const void *p) const { return (size_t)((const char *)p - memory) < (size_t)count * stride; }
    bool guards(const void *p) const { return contains(p) && (size_t)((const char *)p - memory) % stride < guard; }

  private:
    static constexpr size_t guard = 4096, stride = guard + (96 << 10);
    char *memory = nullptr;
    unsigned count = 0;
};

} // namespace sim
