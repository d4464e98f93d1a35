#include "harness.h"

#include <algorithm>
#include <dlfcn.h>
#include <fstream>
#include <sstream>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static std::vector<Case> &cases() {
    static std::vector<Case> all;
    return all;
}

int add_case(Case c) {
    cases().push_back(std::move(c));
    return 0;
}

void fail(const char *file, int line, const std::string &what) {
    printf("%s:%d: %s\n", file, line, what.c_str());
    fflush(stdout);
    _exit(1);
}

std::string error_text(CUresult r) {
    const char *name = nullptr;
    return cuGetErrorName(r, &name) == CUDA_SUCCESS ? name : "error " + std::to_string((int)r);
}

static std::string file_text(const std::string &name) {
    std::ifstream in(name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

std::string ptx(const char *stem) { return file_text(std::string(getenv("TEST_PTX")) + "/" + stem + ".ptx"); }

std::string report() {
    const auto write = (void (*)())dlsym(RTLD_DEFAULT, "duet_sim_report");
    CHECK(write);
    write();
    return file_text(getenv("DUET_SIM_REPORT"));
}

uint64_t bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
uint64_t bits(CUdeviceptr p) { return p; }
uint64_t bits(int x) { return (uint32_t)x; }

Gpu::Gpu(int ordinal) {
    OK(cuInit(0));
    OK(cuDeviceGet(&device, ordinal));
    OK(cuCtxCreate(&context, 0, device));
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    for (const char *stem : {"good", "bugs"}) {
        if (stem[0] == 'b' && !strcmp(getenv("TEST_VARIANT"), "ptx")) continue;
        modules.emplace_back();
        OK(cuModuleLoadData(&modules.back(), ptx(stem).c_str()));
    }
}

void Gpu::use() { OK(cuCtxSetCurrent(context)); }

void Gpu::close() {
    use();
    OK(cuCtxSynchronize());
    for (CUdeviceptr p : memory) OK(cuMemFree(p));
    OK(cuStreamDestroy(stream));
    for (CUmodule m : modules) OK(cuModuleUnload(m));
    OK(cuCtxDestroy(context));
}

CUdeviceptr Gpu::empty(size_t n) {
    CUdeviceptr p;
    OK(cuMemAlloc(&p, n * sizeof(float)));
    memory.push_back(p);
    return p;
}

CUdeviceptr Gpu::floats(size_t n, float value) {
    const CUdeviceptr p = empty(n);
    OK(cuMemsetD32Async(p, (unsigned)bits(value), n, stream));
    OK(cuStreamSynchronize(stream));
    return p;
}

std::vector<float> Gpu::read(CUdeviceptr p, size_t n) {
    std::vector<float> x(n);
    OK(cuCtxSynchronize());
    OK(cuMemcpyDtoH(x.data(), p, n * sizeof(float)));
    return x;
}

CUfunction Gpu::kernel(const char *name) {
    CUfunction f;
    for (CUmodule m : modules)
        if (cuModuleGetFunction(&f, m, name) == CUDA_SUCCESS) return f;
    fail(__FILE__, __LINE__, std::string("no kernel ") + name);
}

CUresult Gpu::launch(const char *name, unsigned grid, unsigned block, std::vector<uint64_t> arguments, unsigned shared,
                     CUstream on) {
    std::vector<void *> values;
    for (uint64_t &a : arguments) values.push_back(&a);
    return cuLaunchKernel(kernel(name), grid, 1, 1, block, 1, 1, shared, on ? on : stream, values.data(), nullptr);
}

// place is where bugs.cu has the mark of a bug: "bugs.cu:12".
static std::string place(const std::string &bug) {
    std::ifstream in(std::string(getenv("TEST_SOURCES")) + "/bugs.cu");
    std::string line;
    for (int n = 1; std::getline(in, line); n++)
        if (line.size() > bug.size() + 5 &&
            line.compare(line.size() - bug.size() - 5, std::string::npos, " BUG " + bug) == 0)
            return "bugs.cu:" + std::to_string(n);
    return "no mark of " + bug;
}

static std::string resolved(const std::string &text) {
    const size_t begin = text.find('{'), end = text.find('}');
    if (begin == std::string::npos || end == std::string::npos) return text;
    return text.substr(0, begin) + place(text.substr(begin + 1, end - begin - 1)) + text.substr(end + 1);
}

static const char *const scratch = "test.scratch";

// start runs a case in this process.
[[noreturn]] static void start(const Case &c, const char *variant) {
    const std::string folder = std::string(getenv("TEST_SCRATCH")) + "/" + variant + "." + c.name;
    setenv("DUET_SIM_REPORT", (folder + ".json").c_str(), 1);
    setenv("TEST_VARIANT", variant, 1);
    setenv("LD_LIBRARY_PATH", (std::string(getenv("TEST_OUT")) + "/" + variant).c_str(), 1);
    for (const std::string &e : c.environment) putenv(strdup(e.c_str()));
    remove((folder + ".json").c_str());
    if (!freopen((folder + ".out").c_str(), "w", stdout) || !freopen((folder + ".err").c_str(), "w", stderr)) _exit(3);
    execl("/proc/self/exe", scratch, "--case", c.name.c_str(), (char *)nullptr);
    _exit(3);
}

// verdict is what is wrong with a case that has ended; empty when nothing is.
static std::string verdict(const Case &c, const char *variant, int status) {
    const std::string folder = std::string(getenv("TEST_SCRATCH")) + "/" + variant + "." + c.name,
                      said = file_text(folder + ".err");
    if (!WIFEXITED(status)) return "signal " + std::to_string(WTERMSIG(status)) + "\n" + said;
    if (WEXITSTATUS(status) != 0) return file_text(folder + ".out") + said;
    if (c.expected.empty() && !said.empty()) return "said: " + said;
    for (const std::string &e : c.expected)
        if (said.find(resolved(e)) == std::string::npos) return "did not say: " + resolved(e) + "\nbut: " + said;
    return "";
}

// Variant is one of the builds that the command line names.
struct Variant {
    const char *name;
    int bit;
};

static std::vector<Variant> variants(int n, char **names) {
    std::vector<Variant> list;
    for (int i = 0; i < n; i++)
        list.push_back({names[i], !strcmp(names[i], "checked") ? checked
                                  : !strcmp(names[i], "ptx")   ? translated
                                                               : fast});
    return list;
}

static int run_all(const std::vector<Variant> &builds, const char *only) {
    struct Started {
        const Case *c;
        const char *variant;
        pid_t process;
    };
    std::vector<Started> open;
    int passed = 0, failed = 0;
    const auto end_one = [&] {
        int status;
        const pid_t p = wait(&status);
        auto s = std::find_if(open.begin(), open.end(), [&](const Started &s) { return s.process == p; });
        const std::string wrong = verdict(*s->c, s->variant, status);
        (wrong.empty() ? passed : failed)++;
        if (!wrong.empty()) printf("FAIL %s (%s): %s\n", s->c->name.c_str(), s->variant, wrong.c_str());
        open.erase(s);
    };
    for (const Case &c : cases())
        for (const Variant &v : builds) {
            if (!(c.variants & v.bit) || (only && c.name.find(only) == std::string::npos)) continue;
            const char *variant = v.name;
            fflush(stdout);
            const pid_t p = fork();
            if (p == 0) start(c, variant);
            open.push_back(Started{&c, variant, p});
            if (open.size() >= 2) end_one();
        }
    while (!open.empty()) end_one();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0;
}

int main(int n, char **arguments) {
    if (n == 3 && !strcmp(arguments[1], "--case")) {
        alarm(60);
        for (const Case &c : cases())
            if (c.name == arguments[2]) {
                c.run();
                return 0;
            }
        return 2;
    }
    return run_all(variants(n - 1, arguments + 1), getenv("TEST_ONLY"));
}
