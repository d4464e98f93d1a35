// ptx_memory.h: state spaces, loads and stores, atomics. Shared memory is addressed from the block's beginning, all
// other memory by the host's addresses.
#pragma once

namespace sim {
namespace ptx {

template <class T> PTX_INLINE T load(const char *p) {
    T x;
    memcpy(&x, p, sizeof x);
    return x;
}
template <class T> PTX_INLINE void store(char *p, T x) { memcpy(p, &x, sizeof x); }
template <class T> PTX_INLINE T load_volatile(const char *p) { return *(const volatile T *)p; }
template <class T> PTX_INLINE void store_volatile(char *p, T x) { *(volatile T *)p = x; }

// shared checks that an access is within the block's shared memory, and aligned. It has at least the bytes of one.
PTX_INLINE char *shared(const Block &block, uint64_t at, unsigned bytes) {
    if (__builtin_expect(at + bytes > block.shared_bytes || at % bytes != 0 || at > UINT32_MAX, 0))
        bad_shared(at, bytes);
    return block.shared + at;
}

// global checks that an access is aligned and within the allocation that the accesses of its slot went to before; else
// the driver looks for another one.
PTX_INLINE char *global(const Block &block, uint64_t at, unsigned bytes, unsigned slot) {
    Window &w = block.windows[slot];
    if (__builtin_expect(at - w.begin >= w.room || at % bytes != 0, 0)) find_window(at, bytes, bytes, w);
    return (char *)(uintptr_t)at;
}

// Where n is less than all bytes, the rest are zeros; where it is none, the address may be anything.
PTX_INLINE void copy_async_part(const Block &block, char *to, uint64_t from, unsigned bytes, uint32_t n,
                                unsigned slot) {
    const char *source = nullptr;
    if (n >= bytes) {
        n = bytes;
        source = global(block, from, bytes, slot);
    } else if (n) {
        Window once = {};
        find_window(from, n, bytes, once);
        source = (const char *)(uintptr_t)from;
    }
    copy_async(to, source, bytes, n);
}

PTX_INLINE uint64_t from_shared(const Block &block, uint64_t at) { return (uint64_t)(uintptr_t)block.shared + at; }
PTX_INLINE uint64_t to_shared(const Block &block, uint64_t p) { return p - (uint64_t)(uintptr_t)block.shared; }
PTX_INLINE bool in_shared(const Block &block, uint64_t p) {
    return p - (uint64_t)(uintptr_t)block.shared < block.shared_bytes;
}
PTX_INLINE bool in_local(const Block &, uint64_t p) { return on_stack((const void *)(uintptr_t)p); }
PTX_INLINE bool in_global(const Block &block, uint64_t p) { return !in_shared(block, p) && !in_local(block, p); }
PTX_INLINE bool in_const(const Block &, uint64_t) { return false; }
PTX_INLINE uint32_t dynamic_bytes(const Block &block) {
    return block.shared_bytes - (uint32_t)(block.dynamic - block.shared);
}

// Half is an atomic of a small float, Pair one of two in 32 bits.
template <class F> struct Half {};
template <class F> struct Pair {};
template <class T> struct Atomic {
    typedef T Value;
    static T sum(T a, T b) { return (T)((Unsigned<T>)a + (Unsigned<T>)b); }
};
template <> struct Atomic<float> {
    typedef float Value;
    static float sum(float a, float b) { return a + b; }
};
template <> struct Atomic<double> {
    typedef double Value;
    static double sum(double a, double b) { return a + b; }
};
template <class F> struct Atomic<Half<F>> {
    typedef uint16_t Value;
    static uint16_t sum(uint16_t a, uint16_t b) { return half_add<F>(a, b); }
};
template <class F> struct Atomic<Pair<F>> {
    typedef uint32_t Value;
    static uint32_t sum(uint32_t a, uint32_t b) { return pairwise<half_add<F>>(a, b); }
};

template <size_t bytes> struct Word;
// clang-format off
template <> struct Word<2> { typedef uint16_t type; };
template <> struct Word<4> { typedef uint32_t type; };
template <> struct Word<8> { typedef uint64_t type; };
// clang-format on

// update stores f(old) and gives old. What is compared is bits: a NaN is equal to itself.
template <class V, class F> PTX_INLINE V update(char *p, F f) {
    typedef typename Word<sizeof(V)>::type W;
    atomic_access(p, sizeof(V));
    W old = __atomic_load_n((W *)p, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n((W *)p, &old, as<W>((V)f(as<V>(old))), false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    return as<V>(old);
}

template <class T> PTX_INLINE auto atomic_add(char *p, typename Atomic<T>::Value x) {
    return update<typename Atomic<T>::Value>(p, [x](typename Atomic<T>::Value old) { return Atomic<T>::sum(old, x); });
}
#define PTX_ATOMIC(name, expression)                                                                                   \
    template <class T> PTX_INLINE T atomic_##name(char *p, T x) {                                                      \
        return update<T>(p, [x](T old) -> T { return expression; });                                                   \
    }
PTX_ATOMIC(min, x < old ? x : old)
PTX_ATOMIC(max, x > old ? x : old)
PTX_ATOMIC(inc, old >= x ? 0 : old + 1)
PTX_ATOMIC(dec, old == 0 || old > x ? x : old - 1)
PTX_ATOMIC(and, old &x)
PTX_ATOMIC(or, old | x)
PTX_ATOMIC(xor, old ^ x)
PTX_ATOMIC(exch, ((void)old, x))
#undef PTX_ATOMIC
template <class T> PTX_INLINE T atomic_cas(char *p, T expected, T x) {
    return update<T>(p, [expected, x](T old) { return old == expected ? x : old; });
}

} // namespace ptx
} // namespace sim
