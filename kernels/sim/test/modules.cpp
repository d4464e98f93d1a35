// modules.cpp: what is loaded and what is launched, and the limits on both.
#include "harness.h"

#include <string.h>

static std::string replaced(std::string text, const std::string &from, const std::string &to) {
    const size_t at = text.find(from);
    CHECK(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

// entry_of is a module with one entry of the good ones, its declaration changed.
static std::string changed(const std::string &from, const std::string &to) {
    const std::string all = ptx("good");
    const size_t begin = all.find(".visible .entry saxpy("), body = all.find('{', begin);
    CHECK(begin != std::string::npos);
    return ".version 7.0\n.target sm_70\n.address_size 64\n" + replaced(all.substr(begin, body - begin), from, to) +
           "{ ret; }\n";
}

static CUresult load(const std::string &text) {
    CUmodule m;
    return cuModuleLoadData(&m, text.c_str());
}

CASE(stale_parameter, both, ENVIRONMENT(),
     SAYS("stale ptx: kernel saxpy parameter 2 has 8 bytes, in its build for the host 4")) {
    Gpu g;
    GIVES(CUDA_ERROR_INVALID_IMAGE, load(changed(".f32 saxpy_param_2", ".f64 saxpy_param_2")));
    g.close();
}
CASE(stale_parameters, both, ENVIRONMENT(),
     SAYS("stale ptx: kernel saxpy has 5 parameters, its build for the host 4")) {
    Gpu g;
    GIVES(CUDA_ERROR_INVALID_IMAGE,
          load(changed(".param .u32 saxpy_param_3", ".param .u32 saxpy_param_3,\n.param .u32 saxpy_param_4")));
    g.close();
}
CASE(stale_name, both, ENVIRONMENT(), SAYS("stale ptx: kernel daxpy has no build for the host")) {
    Gpu g;
    GIVES(CUDA_ERROR_INVALID_IMAGE, load(changed(".entry saxpy(", ".entry daxpy(")));
    g.close();
}

CASE(refused_modules, both, ENVIRONMENT("DUET_SIM_CAPABILITY=7.5"),
     SAYS("ptx: PTX for sm_80 on a device of sm_75", "ptx: no .version", "ptx: PTX 9.9",
          "ptx: a module of machine code")) {
    Gpu g;
    CUmodule m;
    char log[200] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, (void *)(uintptr_t)sizeof log};
    GIVES(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadDataEx(&m, ptx("tensor").c_str(), 2, options, values));
    CHECK(strstr(log, "sm_80"));
    GIVES(CUDA_ERROR_INVALID_PTX, load("this is no PTX"));
    GIVES(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, load(".version 9.9\n.target sm_70\n"));
    GIVES(CUDA_ERROR_NO_BINARY_FOR_GPU, load("\x7f"
                                             "ELF"));
    GIVES(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&m, "/no/such/file"));
    g.close();
}

CASE(functions, both, ENVIRONMENT(), SAYS()) {
    Gpu g;
    CUfunction f;
    int v;
    GIVES(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&f, g.modules[0], "missing"));
    f = g.kernel("product");
    OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, f));
    CHECK(v == 256);
    OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, f));
    CHECK(v == 8192);
    OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
    CHECK(v >= 16 && v <= 255);
    OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_NUM_REGS, 3));
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&v, f, 256, 0));
    CHECK(v >= 1 && v <= 8);
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&v, f, 256, 100 << 10));
    CHECK(v == 1);
    g.close();
}

static CUresult shape(Gpu &g, const char *kernel, unsigned gx, unsigned gy, unsigned bx, unsigned bz, unsigned shared) {
    uint64_t x = 0;
    void *values[] = {&x, &x, &x, &x, &x, &x};
    return cuLaunchKernel(g.kernel(kernel), gx, gy, 1, bx, 1, bz, shared, g.stream, values, nullptr);
}

CASE(launch_limits, both, ENVIRONMENT(),
     SAYS("launch limits: launch of saxpy, grid (1,1,1), block (512,1,1)",
          "more threads than the kernel's launch bound", "more threads than a block can have",
          "more blocks than a grid can have", "an extent of 0", "more dynamic shared memory",
          "cuFuncSetAttribute: 170000 bytes")) {
    Gpu g;
    GIVES(CUDA_ERROR_INVALID_VALUE, shape(g, "saxpy", 1, 1, 512, 1, 0));
    GIVES(CUDA_ERROR_INVALID_VALUE, shape(g, "reverse", 1, 1, 1025, 1, 0));
    GIVES(CUDA_ERROR_INVALID_VALUE, shape(g, "saxpy", 1, 1, 1, 65, 0));
    GIVES(CUDA_ERROR_INVALID_VALUE, shape(g, "saxpy", 1, 65536, 1, 1, 0));
    GIVES(CUDA_ERROR_INVALID_VALUE, shape(g, "saxpy", 0, 1, 1, 1, 0));
    GIVES(CUDA_ERROR_INVALID_VALUE, shape(g, "reverse", 1, 1, 32, 1, 50000));
    GIVES(CUDA_ERROR_INVALID_VALUE,
          cuFuncSetAttribute(g.kernel("reverse"), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 170000));
    OK(cuFuncSetAttribute(g.kernel("reverse"), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100000));
    const CUdeviceptr p = g.floats(32, 1.f);
    OK(g.launch("reverse", 1, 32, {bits(p)}, 100000));
    OK(cuStreamSynchronize(g.stream));
    g.close();
}

// Beyond 48 KiB a kernel's dynamic shared memory must be asked for, up to what the device has for a block.
CASE(dynamic_shared_memory, both, ENVIRONMENT("DUET_SIM_CAPABILITY=8.0"),
     SAYS("49153 bytes of dynamic shared memory: more dynamic shared memory than the kernel may use: "
          "cuFuncSetAttribute raises it",
          "cuFuncSetAttribute: 166913 bytes of dynamic shared memory for reverse, which has 0 static, on a device that "
          "allows 166912",
          "cuFuncSetAttribute: 166912 bytes of dynamic shared memory for product, which has 8192 static",
          "launch of reverse, grid (1,1,1), block (32,1,1), 100001 bytes")) {
    Gpu g;
    int optin, plain, v;
    OK(cuDeviceGetAttribute(&plain, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 0));
    OK(cuDeviceGetAttribute(&optin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0));
    CHECK(plain == 48 << 10 && optin == 163 << 10);
    const CUfunction f = g.kernel("reverse"), with_static = g.kernel("product");
    OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f));
    CHECK(v == plain);
    OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, with_static));
    CHECK(v == plain - 8192);
    const CUdeviceptr p = g.floats(32, 1.f);
    OK(g.launch("reverse", 1, 32, {bits(p)}, plain));
    GIVES(CUDA_ERROR_INVALID_VALUE, g.launch("reverse", 1, 32, {bits(p)}, plain + 1));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, optin + 1));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, -1));
    GIVES(CUDA_ERROR_INVALID_VALUE,
          cuFuncSetAttribute(with_static, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, optin));
    OK(cuFuncSetAttribute(with_static, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, optin - 8192));
    OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100000));
    OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f));
    CHECK(v == 100000);
    GIVES(CUDA_ERROR_INVALID_VALUE, g.launch("reverse", 1, 32, {bits(p)}, 100001));
    OK(g.launch("reverse", 1, 32, {bits(p)}, 100000));
    OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, optin));
    OK(g.launch("reverse", 1, 32, {bits(p)}, optin));
    OK(cuStreamSynchronize(g.stream));
    g.close();
}
CASE(dynamic_shared_memory_of_hopper, both, ENVIRONMENT("DUET_SIM_CAPABILITY=9.0"), SAYS()) {
    Gpu g;
    int optin;
    OK(cuDeviceGetAttribute(&optin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0));
    CHECK(optin == 227 << 10);
    OK(cuFuncSetAttribute(g.kernel("reverse"), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, optin));
    const CUdeviceptr p = g.floats(1024, 1.f);
    OK(g.launch("reverse", 1, 1024, {bits(p)}, optin));
    OK(cuStreamSynchronize(g.stream));
    g.close();
}

CASE(packed_arguments, both, ENVIRONMENT(), SAYS()) {
    Gpu g;
    const CUdeviceptr y = g.floats(10, 1.f), x = g.floats(10, 2.f);
    struct {
        CUdeviceptr y, x;
        float a;
        int n;
    } packed = {y, x, 3.f, 10};
    size_t bytes = sizeof packed;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    OK(cuLaunchKernel(g.kernel("saxpy"), 1, 1, 1, 32, 1, 1, 0, g.stream, nullptr, extra));
    for (float v : g.read(y, 10)) CHECK(v == 7.f);
    GIVES(CUDA_ERROR_INVALID_VALUE,
          cuLaunchKernel(g.kernel("saxpy"), 1, 1, 1, 32, 1, 1, 0, g.stream, nullptr, nullptr));
    g.close();
    CHECK(report().find("\"saxpy\": 1") != std::string::npos);
}

CASE(names_of_errors, both, ENVIRONMENT(), SAYS()) {
    const char *text;
    OK(cuGetErrorName(CUDA_ERROR_OUT_OF_MEMORY, &text));
    CHECK(!strcmp(text, "CUDA_ERROR_OUT_OF_MEMORY"));
    OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
    CHECK(!strcmp(text, "out of memory"));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuGetErrorName((CUresult)12345, &text));
}
