#include "module.h"
#include "diagnose.h"
#include "settings.h"

#include <algorithm>

// The linker names the ends of the section of kernels; weak, because there may be none.
extern "C" {
extern const sim::Kernel *const __start_duet_kernels[] __attribute__((weak, visibility("hidden")));
extern const sim::Kernel *const __stop_duet_kernels[] __attribute__((weak, visibility("hidden")));
}

namespace sim {

namespace {

enum { newest_ptx = 88 }; // of the driver version that cuDriverGetVersion answers

const Kernel *kernel_named(const std::string &name) {
    for (auto k = __start_duet_kernels; k != __stop_duet_kernels; k++)
        if (name == (*k)->name) return *k;
    return nullptr;
}

// mismatch says how the PTX and the host's build of a kernel differ; empty when they do not.
std::string mismatch(const Entry &e, const Kernel *k) {
    if (!k) return "has no build for the host";
    if (e.parameters.size() != k->count)
        return text_of("has %zu parameters, its build for the host %u", e.parameters.size(), k->count);
    for (unsigned i = 0; i < k->count; i++)
        if (e.parameters[i] != k->parameters[i].bytes)
            return text_of("parameter %u has %u bytes, in its build for the host %u", i, e.parameters[i],
                           k->parameters[i].bytes);
    return "";
}

CUresult refuse(CUresult r, const std::string &why, std::string *log) {
    *log = why;
    diagnose("ptx", "%s", why.c_str());
    return r;
}

} // namespace

CUresult load_module(Context *context, const char *ptx, std::shared_ptr<Module> *module, std::string *log) {
    const Text text = read_ptx(ptx);
    if (!text.problem.empty()) return refuse(CUDA_ERROR_INVALID_PTX, text.problem, log);
    if (text.version > newest_ptx)
        return refuse(CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
                      text_of("PTX %d.%d, this driver knows up to %d.%d", text.version / 10, text.version % 10,
                              newest_ptx / 10, newest_ptx % 10),
                      log);
    if (text.target > settings().capability)
        return refuse(CUDA_ERROR_NO_BINARY_FOR_GPU,
                      text_of("PTX for sm_%d on a device of sm_%d", text.target, settings().capability), log);
    auto made = std::make_shared<Module>();
    made->context = context;
    for (const Entry &e : text.entries) {
        const Kernel *k = kernel_named(e.name);
        if (const std::string why = mismatch(e, k); !why.empty()) {
            const std::string line = "kernel " + e.name + " " + why;
            *log = line;
            diagnose("stale ptx", "%s", line.c_str());
            return CUDA_ERROR_INVALID_IMAGE;
        }
        const unsigned static_bytes = std::max(e.shared_bytes, k->shared_bytes), room = limits().shared_per_block;
        if (static_bytes > room)
            return refuse(CUDA_ERROR_INVALID_PTX,
                          text_of("kernel %s has %u bytes of static shared memory, more than %u", e.name.c_str(),
                                  static_bytes, room),
                          log);
        auto f =
            std::unique_ptr<Function>(new Function{made.get(), e, k, interned(e.name), room - static_bytes, -1, {}});
        for (const std::string &name : e.shared_names)
            for (const SharedVariable &v : shared_variables(name)) f->shared.push_back(v);
        made->functions[e.name] = std::move(f);
    }
    *module = made;
    return CUDA_SUCCESS;
}

CUresult function_of(const Context *context, CUfunction handle, const char *called, Function **function) {
    for (Context *c : driver().contexts)
        for (auto &m : c->modules)
            for (auto &f : m->functions)
                if (f.second.get() == reinterpret_cast<Function *>(handle)) {
                    *function = f.second.get();
                    if (c == context) return CUDA_SUCCESS;
                    diagnose("wrong context", "%s: %s was loaded in %s, but %s is current", called, f.first.c_str(),
                             c->name.c_str(), context->name.c_str());
                    return CUDA_ERROR_INVALID_HANDLE;
                }
    diagnose("bad handle", "%s: not a function, or of an unloaded module", called);
    return CUDA_ERROR_INVALID_HANDLE;
}

// From the CUDA C++ programming guide's table of technical specifications per compute capability.
Limits limits() {
    Limits l;
    const int c = settings().capability;
    l.threads_per_multiprocessor = c == 75 ? 1024 : c == 86 || c == 87 || c == 89 || c >= 120 ? 1536 : 2048;
    l.blocks_per_multiprocessor = c == 75 || c == 86 || c == 87 ? 16 : c == 89 || c >= 120 ? 24 : 32;
    const unsigned kib = c < 70                             ? 64
                         : c < 75                           ? 96
                         : c == 75                          ? 64
                         : c == 80 || c == 87               ? 164
                         : c == 86 || c == 89 || (c >= 120) ? 100
                                                            : 228;
    l.shared_per_multiprocessor = (c < 70 ? 96 : kib) << 10;
    l.shared_per_block_optin = (c < 70 ? 48 : c < 80 ? kib : kib - 1) << 10;
    return l;
}

// What ptxas would say is not known; this is what fits a launch of the kernel's bound, at most what a thread can have.
unsigned registers_of(const Function &f) {
    const unsigned fits = limits().registers_per_multiprocessor / std::max(32u, f.entry.max_threads) / 8 * 8;
    return std::min(std::max(fits, 16u), 64u);
}

unsigned blocks_per_multiprocessor(const Function &f, unsigned threads, size_t dynamic_bytes) {
    const Limits l = limits();
    const unsigned warps = (threads + 31) / 32;
    const size_t shared = f.entry.shared_bytes + dynamic_bytes;
    unsigned blocks = std::min(l.blocks_per_multiprocessor, l.threads_per_multiprocessor / (warps * 32));
    blocks = std::min(blocks, l.registers_per_multiprocessor / (registers_of(f) * warps * 32));
    if (shared) blocks = std::min(blocks, (unsigned)(l.shared_per_multiprocessor / shared));
    return blocks;
}

} // namespace sim
