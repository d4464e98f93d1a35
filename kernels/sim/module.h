// module.h: modules loaded from PTX. The text says which kernels there are and how they are declared; what runs is the
// host's build of them, found in the table by name. Where the two do not fit, the PTX is refused as stale.
#pragma once

#include "context.h"
#include "own.h"
#include "table.h"

#include <map>

namespace sim {

// Entry is a kernel as the PTX declares it.
struct Entry {
    std::string name;
    std::vector<uint32_t> parameters; // bytes of each
    unsigned max_threads = 1024;      // .maxntid
    unsigned shared_bytes = 0;        // static
    std::vector<std::string> shared_names;
    bool synchronises = false; // its threads wait for each other: they need stacks of their own
};

struct Text {
    int version = 0, target = 0; // 78 for 7.8, 70 for sm_70
    std::vector<Entry> entries;
    std::string problem; // empty where it could be read
};

Text read_ptx(const char *ptx);

struct Function {
    Module *module;
    Entry entry;
    const Kernel *kernel;
    const std::string *name;
    unsigned dynamic_limit; // bytes of dynamic shared memory that a launch may ask for
    int carveout = -1;
    std::vector<SharedVariable> shared; // of the checked build: where it lies in the library's TLS
};

struct Module {
    Context *context;
    std::map<std::string, std::unique_ptr<Function>> functions;
};

// load_module makes a module; the reason of a failure goes to log.
CUresult load_module(Context *context, const char *ptx, std::shared_ptr<Module> *module, std::string *log);

// function_of finds a function of the current context by its handle.
CUresult function_of(const Context *context, CUfunction handle, const char *called, Function **function);

// Limits of the virtual device; those of a GPU of its compute capability.
struct Limits {
    unsigned threads_per_block = 1024, threads_per_multiprocessor, blocks_per_multiprocessor;
    unsigned shared_per_block = 48 << 10, shared_per_block_optin, shared_per_multiprocessor;
    unsigned registers_per_multiprocessor = 65536, multiprocessors = 108;
};
Limits limits();

unsigned registers_of(const Function &f);
unsigned blocks_per_multiprocessor(const Function &f, unsigned threads, size_t dynamic_bytes);

} // namespace sim
