// table.h: the table of kernels that are built into the simulated driver. A kernel is found by the name of its PTX
// entry.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <type_traits>
#include <utility>

namespace sim {

// Role is what a kernel does with a parameter, as far as its declaration says.
enum class Role : uint8_t {
    value,   // a number, or a struct of them
    reads,   // a pointer to const
    writes,  // a pointer
    unknown, // 8 bytes that may be either: PTX does not say
};

struct Parameter {
    uint32_t bytes, align;
    Role role;
};

enum { max_parameters = 40, max_parameter_bytes = 256 };

struct Kernel {
    const char *name;
    unsigned count;
    Parameter parameters[max_parameters];
    void (*call)(void *const *arguments); // runs one thread; sim::thread and sim::block say which
    unsigned shared_bytes; // of static shared memory in block->shared; 0 where it is thread_local instead
};

template <class T> struct RoleOf {
    static_assert(sizeof(T) <= max_parameter_bytes && alignof(T) <= 8 && std::is_trivially_copyable<T>::value,
                  "parameters are scalars, and structs of them");
    static constexpr Parameter value{sizeof(T), alignof(T), Role::value};
};
// clang-format off
template <class T> struct RoleOf<T *> { static constexpr Parameter value{8, 8, Role::writes}; };
template <class T> struct RoleOf<const T *> { static constexpr Parameter value{8, 8, Role::reads}; };
// clang-format on

// Caller<f> takes apart the signature of a kernel.
template <auto f> struct Caller;
template <class... P, void (*f)(P...)> struct Caller<f> {
    static_assert(sizeof...(P) <= max_parameters, "too many parameters");
    // What it reads is not the kernel's access.
    template <size_t... i>
    __attribute__((no_sanitize_thread)) static void apply(void *const *arguments, std::index_sequence<i...>) {
        f(*static_cast<std::remove_cv_t<P> *>(arguments[i])...);
    }
    static void call(void *const *arguments) { apply(arguments, std::index_sequence_for<P...>{}); }
    static constexpr Kernel kernel(const char *name) {
        return Kernel{name, sizeof...(P), {RoleOf<std::remove_cv_t<P>>::value...}, call, 0};
    }
};

} // namespace sim

// The table is a section of pointers, which the linker gathers from all objects.
#define SIM_TABLE_ENTRY(name, kernel)                                                                                  \
    __attribute__((section("duet_kernels"), used)) static const sim::Kernel *const sim_entry_##name = &kernel;

// SIM_KERNEL(lrn_forward) enters a kernel that this file defines.
#define SIM_KERNEL(name)                                                                                               \
    static const sim::Kernel sim_kernel_##name = sim::Caller<&name>::kernel(#name);                                    \
    SIM_TABLE_ENTRY(name, sim_kernel_##name)
