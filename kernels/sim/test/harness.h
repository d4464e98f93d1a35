// harness.h: cases, each of which runs in a process of its own with the environment that it asks for, on the builds of
// the driver that it is for. What the driver says on stderr is part of what is expected.
#pragma once

#include <cuda.h>
#include <stdint.h>
#include <string>
#include <vector>

// The builds of the driver. The sanitized one behaves as the fast one; the PTX's own knows no lines of a source.
enum Variants { fast = 1, checked = 2, both = 3, translated = 4, all = 7 };

struct Case {
    std::string name;
    int variants;
    std::vector<std::string> environment; // NAME=value
    std::vector<std::string> expected;    // to be said; none: nothing is said. {bug} is that bug's file and line
    void (*run)();
};

int add_case(Case c);

// CASE(name, variants, ENVIRONMENT(...), SAYS(...)) { ... }
#define ENVIRONMENT(...) (std::vector<std::string>{__VA_ARGS__})
#define SAYS(...) (std::vector<std::string>{__VA_ARGS__})
#define CASE(name, variants, environment, expected)                                                                    \
    static void case_##name();                                                                                         \
    static const int added_##name = add_case(Case{#name, variants, environment, expected, case_##name});               \
    static void case_##name()

// A check that fails ends the case.
[[noreturn]] void fail(const char *file, int line, const std::string &what);
std::string error_text(CUresult r);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fail(__FILE__, __LINE__, #condition);                                                        \
    } while (0)
#define GIVES(result, call)                                                                                            \
    do {                                                                                                               \
        const CUresult got = (call);                                                                                   \
        if (got != (result)) fail(__FILE__, __LINE__, #call " gives " + error_text(got) + ", want " #result);          \
    } while (0)
#define OK(call) GIVES(CUDA_SUCCESS, call)

// Gpu is a device with a context, a stream and the test kernels, which it gives back without a leak.
struct Gpu {
    explicit Gpu(int device = 0); // on the PTX's build without the kernels that have bugs
    void close();
    void use();
    CUdeviceptr floats(size_t n, float value); // filled, and waited for
    CUdeviceptr empty(size_t n);
    std::vector<float> read(CUdeviceptr p, size_t n); // waits for everything
    CUfunction kernel(const char *name);
    // launch is of one-dimensional grids and blocks.
    CUresult launch(const char *name, unsigned grid, unsigned block, std::vector<uint64_t> arguments,
                    unsigned shared = 0, CUstream on = nullptr);

    CUdevice device;
    CUcontext context;
    CUstream stream;
    std::vector<CUmodule> modules;
    std::vector<CUdeviceptr> memory;
};

uint64_t bits(float x);
uint64_t bits(CUdeviceptr p);
uint64_t bits(int x);

// ptx is the text of a test module.
std::string ptx(const char *stem);

// report is the driver's report of this process, as text.
std::string report();
