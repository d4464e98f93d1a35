// driver_module.cpp: modules, functions and launches.
#include "driver.h"
#include "execute.h"
#include "report.h"
#include "settings.h"

#include <algorithm>
#include <errno.h>
#include <stdio.h>
#include <string.h>

using namespace sim;

namespace {

CUresult load(Context *context, const void *image, CUmodule *made, std::string *log) {
    static const unsigned char fat[] = {0x50, 0xed, 0x55, 0xba}, elf[] = {0x7f, 'E', 'L', 'F'};
    if (!image || !made) return CUDA_ERROR_INVALID_VALUE;
    if (!memcmp(image, fat, sizeof fat) || !memcmp(image, elf, sizeof elf)) {
        diagnose("ptx", "a module of machine code: only PTX can be simulated");
        return CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
    std::shared_ptr<Module> m;
    RETURN_IF_FAILED(load_module(context, static_cast<const char *>(image), &m, log));
    context->modules.insert(m);
    *made = reinterpret_cast<CUmodule>(m.get());
    return CUDA_SUCCESS;
}

CUresult module_of(const Context *context, CUmodule handle, const char *called, std::shared_ptr<Module> *found) {
    for (Context *c : driver().contexts)
        for (auto &m : c->modules)
            if (m.get() == reinterpret_cast<Module *>(handle)) {
                *found = m;
                if (c == context) return CUDA_SUCCESS;
                diagnose("wrong context", "%s: a module of %s, but %s is current", called, c->name.c_str(),
                         context->name.c_str());
                return CUDA_ERROR_INVALID_HANDLE;
            }
    diagnose("bad handle", "%s: not a module, or an unloaded one", called);
    return CUDA_ERROR_INVALID_HANDLE;
}

// write_log fills the buffers that JIT options name.
void write_log(unsigned n, const CUjit_option *options, void **values, const std::string &text) {
    char *buffer = nullptr;
    size_t room = 0;
    for (unsigned i = 0; i < n; i++) {
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = static_cast<char *>(values[i]);
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) room = reinterpret_cast<size_t>(values[i]);
    }
    if (buffer && room) snprintf(buffer, room, "%s", text.c_str());
}

// Request is a launch as the driver was asked for it.
struct Request {
    const Function *function;
    Shape grid, block;
    unsigned dynamic_bytes;
};

std::string text_of_request(const Request &q) {
    return text_of("launch of %s, grid (%u,%u,%u), block (%u,%u,%u), %u bytes of dynamic shared memory",
                   q.function->entry.name.c_str(), q.grid.x, q.grid.y, q.grid.z, q.block.x, q.block.y, q.block.z,
                   q.dynamic_bytes);
}

// refused says what limit a launch breaks; null when none.
const char *refused(const Request &q) {
    const Shape &g = q.grid, &b = q.block;
    if (!g.x || !g.y || !g.z || !b.x || !b.y || !b.z) return "an extent of 0";
    if (g.x > 0x7fffffff || g.y > 65535 || g.z > 65535) return "more blocks than a grid can have";
    if (b.x > 1024 || b.y > 1024 || b.z > 64 || b.count() > limits().threads_per_block)
        return "more threads than a block can have";
    if (b.count() > q.function->entry.max_threads) return "more threads than the kernel's launch bound";
    if (q.dynamic_bytes > q.function->dynamic_limit)
        return "more dynamic shared memory than the kernel may use: cuFuncSetAttribute raises it";
    return nullptr;
}

// arguments copies the values that a launch is called with.
CUresult arguments(const Kernel *k, void **values, void **extra, Launch *launch) {
    const char *packed = nullptr;
    for (void **e = extra; e && *e != CU_LAUNCH_PARAM_END; e += 2)
        if (*e == CU_LAUNCH_PARAM_BUFFER_POINTER) packed = static_cast<const char *>(e[1]);
    if (k->count && !values && !packed) return CUDA_ERROR_INVALID_VALUE;
    size_t offset = 0;
    for (unsigned i = 0; i < k->count; i++) {
        const size_t bytes = k->parameters[i].bytes, align = k->parameters[i].align,
                     aligned = (offset + align - 1) / align * align, at = launch->arguments.size();
        launch->offsets.push_back(at);
        launch->arguments.resize(at + (bytes + 7) / 8);
        memcpy(&launch->arguments[at], values ? values[i] : packed + aligned, bytes);
        offset = aligned + bytes;
    }
    return CUDA_SUCCESS;
}

// add_pointers enters the pointers among the arguments. Which bytes the kernel touches is not known before it runs, but
// it is taken to touch the first that each points to.
void add_pointers(const Kernel *k, const Launch &l, Operation *op) {
    for (unsigned i = 0; i < k->count; i++) {
        const Role role = k->parameters[i].role;
        const uint64_t value = l.arguments[l.offsets[i]];
        if ((role == Role::reads || role == Role::writes) && value)
            op->touches.push_back(Touch{(uintptr_t)value, 1, role == Role::writes, false, true});
    }
}

CUresult launch(Context *context, CUstream handle, const Request &q, void **values, void **extra) {
    StreamRef s;
    RETURN_IF_FAILED(enter_stream(context, handle, "cuLaunchKernel", &s));
    if (const char *why = refused(q)) {
        diagnose("launch limits", "%s: %s", text_of_request(q).c_str(), why);
        return CUDA_ERROR_INVALID_VALUE;
    }
    auto l = std::make_shared<Launch>(Launch{context, q.function, q.grid, q.block, q.dynamic_bytes, {}, {}});
    RETURN_IF_FAILED(arguments(q.function->kernel, values, extra, l.get()));
    auto op = std::make_shared<Operation>();
    op->kind = Operation::launch;
    op->name = q.function->name;
    add_pointers(q.function->kernel, *l, op.get());
    const size_t device = (size_t)context->device;
    const std::string *name = op->name;
    op->count = [=] { StatisticsHold()->devices[device].launches[*name]++; };
    op->run = [l](const Work &work) { return execute(*l, work); };
    return issue(s, op);
}

} // namespace

DRIVER_CALL cuModuleLoadData(CUmodule *made, const void *image) {
    ENTER;
    std::string log;
    return load(context, image, made, &log);
}

DRIVER_CALL cuModuleLoadDataEx(CUmodule *made, const void *image, unsigned n, CUjit_option *options, void **values) {
    ENTER;
    std::string log;
    const CUresult r = load(context, image, made, &log);
    write_log(n, options, values, log);
    return r;
}

DRIVER_CALL cuModuleLoad(CUmodule *made, const char *file) {
    ENTER;
    FILE *f = file ? fopen(file, "r") : nullptr;
    if (!f) return CUDA_ERROR_FILE_NOT_FOUND;
    std::string text, log;
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) text.append(part, n);
    fclose(f);
    return load(context, text.c_str(), made, &log);
}

DRIVER_CALL cuModuleUnload(CUmodule handle) {
    ENTER;
    std::shared_ptr<Module> m;
    RETURN_IF_FAILED(module_of(context, handle, "cuModuleUnload", &m));
    synchronize_all(hold, context); // launches refer to its functions
    context->modules.erase(m);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuModuleGetFunction(CUfunction *function, CUmodule handle, const char *name) {
    ENTER;
    std::shared_ptr<Module> m;
    if (!function || !name) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(module_of(context, handle, "cuModuleGetFunction", &m));
    auto f = m->functions.find(name);
    if (f == m->functions.end()) return CUDA_ERROR_NOT_FOUND;
    *function = reinterpret_cast<CUfunction>(f->second.get());
    return CUDA_SUCCESS;
}

DRIVER_CALL cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle) {
    ENTER;
    Function *f;
    if (!value) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(function_of(context, handle, "cuFuncGetAttribute", &f));
    switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = (int)f->entry.max_threads; break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = (int)f->entry.shared_bytes; break;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA: *value = 0; break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = (int)registers_of(*f); break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = settings().capability; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = (int)f->dynamic_limit; break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = f->carveout; break;
    default: return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
}

DRIVER_CALL cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
    ENTER;
    Function *f;
    RETURN_IF_FAILED(function_of(context, handle, "cuFuncSetAttribute", &f));
    if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
        if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
        f->carveout = value;
        return CUDA_SUCCESS;
    }
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
    if (value < 0 || (unsigned)value + f->entry.shared_bytes > limits().shared_per_block_optin) {
        diagnose("launch limits",
                 "cuFuncSetAttribute: %d bytes of dynamic shared memory for %s, which has %u static, on a device that "
                 "allows %u",
                 value, f->entry.name.c_str(), f->entry.shared_bytes, limits().shared_per_block_optin);
        return CUDA_ERROR_INVALID_VALUE;
    }
    f->dynamic_limit = (unsigned)value;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache) {
    ENTER;
    Function *f;
    return function_of(context, handle, "cuFuncSetCacheConfig", &f);
}

DRIVER_CALL cuFuncSetSharedMemConfig(CUfunction handle, CUsharedconfig) {
    ENTER;
    Function *f;
    return function_of(context, handle, "cuFuncSetSharedMemConfig", &f);
}

DRIVER_CALL cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads,
                                                        size_t dynamic_bytes) {
    ENTER;
    Function *f;
    if (!blocks || threads < 1 || threads > 1024) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(function_of(context, handle, "cuOccupancyMaxActiveBlocksPerMultiprocessor", &f));
    *blocks = (int)blocks_per_multiprocessor(*f, (unsigned)threads, dynamic_bytes);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction f, int threads,
                                                                 size_t dynamic_bytes, unsigned) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, f, threads, dynamic_bytes);
}

DRIVER_CALL cuLaunchKernel(CUfunction handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                           unsigned bz, unsigned dynamic_bytes, CUstream stream, void **values, void **extra) {
    ENTER;
    Function *f;
    RETURN_IF_FAILED(function_of(context, handle, "cuLaunchKernel", &f));
    return launch(context, stream, Request{f, Shape{gx, gy, gz}, Shape{bx, by, bz}, dynamic_bytes}, values, extra);
}
