// lab.h: what the programs of the lab share: calls of the driver, random bf16 values, a kernel's time.
#pragma once

#include <cuda.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

static void ok(CUresult r, const std::string &what) {
    if (r == CUDA_SUCCESS) return;
    const char *text = nullptr;
    cuGetErrorString(r, &text);
    fprintf(stderr, "%s: error %d, %s\n", what.c_str(), r, text ? text : "");
    exit(1);
}

static uint64_t state = 1;
static uint32_t draw() { return (uint32_t)((state = state * 6364136223846793005ull + 1442695040888963407ull) >> 33); }
static float value(uint16_t b) {
    const uint32_t u = (uint32_t)b << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static std::vector<uint16_t> random(size_t n) {
    std::vector<uint16_t> x(n);
    for (auto &v : x) {
        const float f = (draw() & 0xffff) / 32768.f - 1;
        uint32_t u;
        memcpy(&u, &f, 4);
        v = (uint16_t)(u >> 16);
    }
    return x;
}
template <class T> static CUdeviceptr upload(const std::vector<T> &x) {
    CUdeviceptr p;
    ok(cuMemAlloc(&p, x.size() * sizeof(T)), "cuMemAlloc");
    ok(cuMemcpyHtoD(p, x.data(), x.size() * sizeof(T)), "cuMemcpyHtoD");
    return p;
}
template <class T> static std::vector<T> download(CUdeviceptr p, size_t n) {
    std::vector<T> x(n);
    ok(cuMemcpyDtoH(x.data(), p, n * sizeof(T)), "cuMemcpyDtoH");
    return x;
}

// Lab is the first GPU, or the simulated one, with a module of PTX, and what times its kernels.
struct Lab {
    CUdevice device;
    CUcontext context;
    CUmodule module;
    CUstream stream;
    CUevent before, after;
    int runs = 0, wrong = 0, multiprocessors;
    std::string ptx;

    explicit Lab(const char *path) {
        ok(cuInit(0), "cuInit");
        ok(cuDeviceGet(&device, 0), "cuDeviceGet");
        ok(cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
        ok(cuCtxSetCurrent(context), "cuCtxSetCurrent");
        ok(cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device),
           "cuDeviceGetAttribute");
        std::ifstream file(path, std::ios::binary);
        std::stringstream text;
        text << file.rdbuf();
        ptx = text.str();
        ok(cuModuleLoadData(&module, ptx.c_str()), path);
        ok(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
        ok(cuEventCreate(&before, 0), "cuEventCreate"), ok(cuEventCreate(&after, 0), "cuEventCreate");
    }
    ~Lab() {
        ok(cuModuleUnload(module), "cuModuleUnload"), ok(cuStreamDestroy(stream), "cuStreamDestroy");
        ok(cuEventDestroy(before), "cuEventDestroy"), ok(cuEventDestroy(after), "cuEventDestroy");
        ok(cuDevicePrimaryCtxRelease(device), "cuDevicePrimaryCtxRelease");
    }
    std::vector<std::string> kernels(const std::string &prefix) const {
        std::vector<std::string> names;
        std::stringstream lines(ptx);
        for (std::string line; std::getline(lines, line);) {
            const size_t at = line.find(".entry " + prefix);
            if (at != std::string::npos) names.push_back(line.substr(at + 7, line.find('(', at) - at - 7));
        }
        return names;
    }
    // time runs something once, and gives microseconds of one of many runs, the least of three measurements.
    template <class Once> double time(const std::string &what, Once once) {
        once();
        ok(cuStreamSynchronize(stream), what);
        if (runs == 0) return 1;
        float best = 1e30f, ms;
        for (int part = 0; part < 3; part++) {
            ok(cuEventRecord(before, stream), "cuEventRecord");
            for (int i = 0; i < runs; i++) once();
            ok(cuEventRecord(after, stream), "cuEventRecord");
            ok(cuEventSynchronize(after), what);
            ok(cuEventElapsedTime(&ms, before, after), "cuEventElapsedTime");
            best = std::min(best, ms);
        }
        return best * 1000 / runs;
    }
    void compare(const std::string &what, double got, double want, double tolerance) {
        if (std::fabs(got - want) <= tolerance) return;
        if (wrong++ < 10) fprintf(stderr, "%s: got %g, want %g\n", what.c_str(), got, want);
    }
};
