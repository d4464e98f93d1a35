// host_atomics.h: atomics on integers. There are none on floats: their order would show in the result.
#pragma once

#include "runtime.h"

// Blocks of other launches may run at the same time, on other threads of the host: these are real atomics.
#define SIM_ATOMIC(name, T, builtin)                                                                                   \
    static inline T name(T *p, T x) {                                                                                  \
        sim::atomic_access(p, sizeof *p);                                                                              \
        return builtin(p, x, __ATOMIC_RELAXED);                                                                        \
    }
#define SIM_ATOMICS(T)                                                                                                 \
    SIM_ATOMIC(atomicAdd, T, __atomic_fetch_add)                                                                       \
    SIM_ATOMIC(atomicSub, T, __atomic_fetch_sub)                                                                       \
    SIM_ATOMIC(atomicAnd, T, __atomic_fetch_and)                                                                       \
    SIM_ATOMIC(atomicOr, T, __atomic_fetch_or)                                                                         \
    SIM_ATOMIC(atomicXor, T, __atomic_fetch_xor)                                                                       \
    SIM_ATOMIC(atomicExch, T, __atomic_exchange_n)                                                                     \
    static inline T atomicCAS(T *p, T expected, T x) {                                                                 \
        sim::atomic_access(p, sizeof *p);                                                                              \
        __atomic_compare_exchange_n(p, &expected, x, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                       \
        return expected;                                                                                               \
    }                                                                                                                  \
    static inline T atomicMax(T *p, T x) {                                                                             \
        return sim::atomic_update(p, [x](T old) { return old > x ? old : x; });                                        \
    }                                                                                                                  \
    static inline T atomicMin(T *p, T x) {                                                                             \
        return sim::atomic_update(p, [x](T old) { return old < x ? old : x; });                                        \
    }

namespace sim {

// atomic_update stores f(old) and returns old.
template <class T, class F> static inline T atomic_update(T *p, F f) {
    atomic_access(p, sizeof *p);
    T old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(p, &old, f(old), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}

} // namespace sim

SIM_ATOMICS(int)
SIM_ATOMICS(unsigned)
SIM_ATOMICS(unsigned long long)

#undef SIM_ATOMIC
#undef SIM_ATOMICS

static inline unsigned atomicInc(unsigned *p, unsigned limit) {
    return sim::atomic_update(p, [limit](unsigned old) { return old >= limit ? 0 : old + 1; });
}
static inline unsigned atomicDec(unsigned *p, unsigned limit) {
    return sim::atomic_update(p, [limit](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}
