// conv2d_nhwc.cpp: checks and times the kernels of PTX files made of conv2d_nhwc.cu on AlexNet's convolutions.
//
//   conv2d_nhwc FILE.ptx [BATCH] [RUNS]    on the first GPU, or on the simulated driver; without RUNS it only checks
//
// A kernel's name says its tile of places (or maps) by maps (or columns), the depth of a slice, how many lie in memory,
// and a warp's tile. Sampled results of every kernel are compared with float64 sums on the host; a wrong one is said
// and ends with status 1.
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

struct Layer {
    const char *name;
    int side, channels, groups, maps, kernel, pad;
    int out() const { return side + 2 * pad - kernel + 1; }
};
static const Layer layers[] = {{"conv1 (3x3 of 57x57x48)", 57, 48, 1, 96, 3, 0},
                               {"conv2", 27, 48, 2, 128, 5, 2},
                               {"conv3", 13, 256, 1, 384, 3, 1},
                               {"conv4", 13, 192, 2, 192, 3, 1},
                               {"conv5", 13, 192, 2, 128, 3, 1}};

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
static void fast_divisor(int d, unsigned &multiplier, int &shift) {
    multiplier = 0, shift = 0;
    if (d == 1) return;
    int log = 1;
    while ((1u << log) < (unsigned)d) log++;
    multiplier = (unsigned)((((uint64_t)1 << (31 + log)) + d - 1) / d), shift = log - 1;
}

struct Kernel {
    std::string name;
    CUfunction function;
    int m, n, depth, stages, wm, wn;
    bool gradient, warpgroups; // of 128 threads, instead of warps, have a tile
    unsigned threads() const { return (warpgroups ? 128 : 32) * (m / wm) * (n / wn); }
    unsigned shared() const { return stages * (m + n) * depth * 2; }
};

struct Geometry {
    int images, height, width, channels, groups, maps, out_height, out_width, kernel, pad;
    unsigned image_multiplier;
    int image_shift;
    unsigned row_multiplier;
    int row_shift;
};
static Geometry geometry(int batch, int side, int channels, int groups, int maps, int kernel, int pad) {
    const int out = side + 2 * pad - kernel + 1;
    Geometry g{batch, side, side, channels, groups, maps, out, out, kernel, pad, 0, 0, 0, 0};
    fast_divisor(out * out, g.image_multiplier, g.image_shift), fast_divisor(out, g.row_multiplier, g.row_shift);
    return g;
}

static CUstream stream;
static CUevent before, after;
static int wrong, runs, multiprocessors;

// launch runs a kernel and gives microseconds of one of many runs.
static double launch(const Kernel &k, unsigned gx, unsigned gy, unsigned gz, std::vector<void *> arguments, Geometry &g,
                     int *splits) {
    for (int i = 0; i < 10; i++) arguments.push_back((int *)&g + i);
    arguments.push_back(&g.image_multiplier), arguments.push_back(&g.image_shift),
        arguments.push_back(&g.row_multiplier), arguments.push_back(&g.row_shift);
    if (splits) arguments.push_back(splits);
    const auto once = [&] {
        ok(cuLaunchKernel(k.function, gx, gy, gz, k.threads(), 1, 1, k.shared(), stream, arguments.data(), nullptr),
           k.name);
    };
    once();
    ok(cuStreamSynchronize(stream), k.name);
    if (runs == 0) return 1;
    float best = 1e30f, ms;
    for (int part = 0; part < 3; part++) {
        ok(cuEventRecord(before, stream), "cuEventRecord");
        for (int i = 0; i < runs; i++) once();
        ok(cuEventRecord(after, stream), "cuEventRecord");
        ok(cuEventSynchronize(after), k.name);
        ok(cuEventElapsedTime(&ms, before, after), "cuEventElapsedTime");
        best = std::min(best, ms);
    }
    return best * 1000 / runs;
}

static void compare(const std::string &what, double got, double want, double magnitude, double relative) {
    if (std::fabs(got - want) <= relative * (std::fabs(want) + magnitude)) return;
    if (wrong++ < 10) fprintf(stderr, "%s: got %g, want %g\n", what.c_str(), got, want);
}

// forward checks and times y = conv(x, w), with or without bias and rectifier.
static double forward(const Kernel &k, const Geometry &given, CUdeviceptr y, CUdeviceptr x, CUdeviceptr w,
                      CUdeviceptr bias, const std::vector<uint16_t> &xs, const std::vector<uint16_t> &ws,
                      const std::vector<float> &bs) {
    Geometry g = given;
    const int places = g.images * g.out_height * g.out_width, out = g.groups * g.maps, in = g.groups * g.channels;
    ok(cuMemsetD8(y, 0xff, (size_t)places * out * 2), "cuMemsetD8");
    const double us =
        launch(k, (places + k.m - 1) / k.m, (g.maps + k.n - 1) / k.n, g.groups, {&y, &x, &w, &bias}, g, nullptr);
    const auto ys = download<uint16_t>(y, (size_t)places * out);
    for (uint16_t v : ys) wrong += !std::isfinite(value(v));
    for (int sample = 0; sample < 300; sample++) {
        const int place = sample < 20 ? places - 1 - sample : draw() % places, map = draw() % out, group = map / g.maps;
        const int image = place / (g.out_height * g.out_width), p = place / g.out_width % g.out_height,
                  q = place % g.out_width;
        double sum = 0, magnitude = 0;
        for (int u = 0; u < g.kernel; u++)
            for (int v = 0; v < g.kernel; v++)
                for (int c = 0; c < g.channels; c++) {
                    const int h = p + u - g.pad, r = q + v - g.pad;
                    if (h < 0 || r < 0 || h >= g.height || r >= g.width) continue;
                    const double term =
                        (double)value(
                            xs[((size_t)(image * g.height + h) * g.width + r) * in + group * g.channels + c]) *
                        value(ws[((size_t)map * g.kernel * g.kernel + u * g.kernel + v) * g.channels + c]);
                    sum += term, magnitude += std::fabs(term);
                }
        if (bias) sum = std::max(0., sum + bs[map]);
        compare(k.name, value(ys[(size_t)place * out + map]), sum, magnitude * 1e-5, 0.006);
    }
    return us;
}

static double grad_weight(const Kernel &k, const Geometry &given, int splits, CUdeviceptr parts, CUdeviceptr x,
                          CUdeviceptr dz, const std::vector<uint16_t> &xs, const std::vector<uint16_t> &ds) {
    Geometry g = given;
    const int length = g.kernel * g.kernel * g.channels, out = g.groups * g.maps, in = g.groups * g.channels;
    const size_t n = (size_t)out * length;
    ok(cuMemsetD8(parts, 0xff, splits * n * 4), "cuMemsetD8");
    const double us =
        launch(k, (length + k.n - 1) / k.n, (g.maps + k.m - 1) / k.m, splits * g.groups, {&parts, &x, &dz}, g, &splits);
    const auto ps = download<float>(parts, splits * n);
    for (float v : ps) wrong += !std::isfinite(v);
    for (int sample = 0; sample < 30; sample++) {
        const int map = draw() % out, at = draw() % length, group = map / g.maps, c = at % g.channels,
                  v = at / g.channels % g.kernel, u = at / g.channels / g.kernel;
        double sum = 0, magnitude = 0, got = 0;
        for (int image = 0; image < g.images; image++)
            for (int p = 0; p < g.out_height; p++)
                for (int q = 0; q < g.out_width; q++) {
                    const int h = p + u - g.pad, r = q + v - g.pad;
                    if (h < 0 || r < 0 || h >= g.height || r >= g.width) continue;
                    const double term =
                        (double)value(
                            xs[((size_t)(image * g.height + h) * g.width + r) * in + group * g.channels + c]) *
                        value(ds[((size_t)(image * g.out_height + p) * g.out_width + q) * out + map]);
                    sum += term, magnitude += std::fabs(term);
                }
        for (int s = 0; s < splits; s++) got += ps[s * n + (size_t)map * length + at];
        compare(k.name, got, sum, magnitude, 1e-5);
    }
    return us;
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: conv2d_nhwc FILE.ptx [BATCH] [RUNS]\n"), 2;
    const int batch = argc > 2 ? atoi(argv[2]) : 128;
    runs = argc > 3 ? atoi(argv[3]) : 0;
    CUdevice device;
    CUcontext context;
    CUmodule module;
    ok(cuInit(0), "cuInit");
    ok(cuDeviceGet(&device, 0), "cuDeviceGet");
    ok(cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
    ok(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    ok(cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device),
       "cuDeviceGetAttribute");
    std::ifstream file(argv[1], std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    const std::string image = text.str();
    ok(cuModuleLoadData(&module, image.c_str()), argv[1]);
    ok(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
    ok(cuEventCreate(&before, 0), "cuEventCreate"), ok(cuEventCreate(&after, 0), "cuEventCreate");
    std::vector<Kernel> kernels;
    std::stringstream lines(image); // of PTX
    for (std::string line; std::getline(lines, line);) {
        Kernel k{};
        const size_t at = line.find(".entry conv2d_");
        if (at == std::string::npos) continue;
        k.name = line.substr(at + 7, line.find('(', at) - at - 7);
        k.gradient = k.name.find("_grad_weight_") != std::string::npos;
        k.warpgroups = k.name.find("conv2d_wgmma_") == 0;
        const char *const tile = k.name.c_str() + k.name.find_first_of("123456789", strlen("conv2d_"));
        if (sscanf(tile, "%dx%d_%d_%d_%dx%d", &k.m, &k.n, &k.depth, &k.stages, &k.wm, &k.wn) != 6)
            return fprintf(stderr, "%s: no tile in the name\n", k.name.c_str()), 1;
        ok(cuModuleGetFunction(&k.function, module, k.name.c_str()), k.name);
        ok(cuFuncSetAttribute(k.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, k.shared()), k.name);
        kernels.push_back(k);
    }
    if (kernels.empty()) return fprintf(stderr, "%s: no kernel conv2d_*\n", argv[1]), 1;
    double best_of_all = 0;
    for (const Layer &l : layers) {
        const Geometry g = geometry(batch, l.side, l.channels, l.groups, l.maps, l.kernel, l.pad),
                       back = geometry(batch, l.out(), l.maps, l.groups, l.channels, l.kernel, l.kernel - 1 - l.pad);
        const int in = l.groups * l.channels, out = l.groups * l.maps, window = l.kernel * l.kernel;
        const size_t x_size = (size_t)batch * l.side * l.side * in, y_size = (size_t)batch * l.out() * l.out() * out,
                     w_size = (size_t)out * window * l.channels;
        const double flop = 2. * batch * l.out() * l.out() * w_size;
        const auto xs = random(x_size), ds = random(y_size), ws = random(w_size);
        std::vector<float> bs(out);
        for (auto &b : bs) b = (draw() & 0xff) / 64.f;
        std::vector<uint16_t> turned(w_size);
        for (int group = 0; group < l.groups; group++)
            for (int map = 0; map < l.maps; map++)
                for (int i = 0; i < window; i++)
                    for (int c = 0; c < l.channels; c++)
                        turned[((size_t)(group * l.channels + c) * window + window - 1 - i) * l.maps + map] =
                            ws[((size_t)(group * l.maps + map) * window + i) * l.channels + c];
        const CUdeviceptr x = upload(xs), dz = upload(ds), w = upload(ws), wt = upload(turned), bias = upload(bs);
        CUdeviceptr y, dx, parts;
        const int most = 128;
        ok(cuMemAlloc(&y, y_size * 2), "cuMemAlloc"), ok(cuMemAlloc(&dx, x_size * 2), "cuMemAlloc"),
            ok(cuMemAlloc(&parts, most * w_size * 4), "cuMemAlloc");
        for (int what = 0; what < 3; what++) {
            if (what == 1 && l.pad == 0) continue; // conv1 needs no gradient of its input
            double best = 1e30;
            const char *const title[] = {"forward", "grad_input", "grad_weight"};
            for (const Kernel &k : kernels) {
                if (k.gradient != (what == 2)) continue;
                std::vector<int> splits{0};
                if (what == 2) { // one, two, three waves of blocks
                    const int tiles = ((l.maps + k.m - 1) / k.m) * ((window * l.channels + k.n - 1) / k.n) * l.groups;
                    splits.clear();
                    for (int blocks = multiprocessors; blocks <= 4 * multiprocessors; blocks += multiprocessors)
                        if (blocks / tiles >= 1 && blocks / tiles <= most &&
                            (splits.empty() || splits.back() != blocks / tiles))
                            splits.push_back(blocks / tiles);
                    if (splits.empty()) splits.push_back(1);
                    if (runs == 0) splits.resize(1);
                }
                for (const int s : splits) {
                    const double us = what == 0   ? forward(k, g, y, x, w, bias, xs, ws, bs)
                                      : what == 1 ? forward(k, back, dx, dz, wt, 0, ds, turned, bs)
                                                  : grad_weight(k, g, s, parts, x, dz, xs, ds);
                    if (runs)
                        printf("%-24s %-11s %8.1f us %6.0f TFLOP/s  %s", l.name, title[what], us, flop / us / 1e6,
                               k.name.c_str());
                    if (runs) printf(s ? " / %d\n" : "\n", s);
                    best = std::min(best, us);
                }
            }
            if (runs)
                printf("%-24s %-11s %8.1f us %6.0f TFLOP/s  best\n", l.name, title[what], best, flop / best / 1e6);
            fflush(stdout);
            best_of_all += best;
        }
        for (const CUdeviceptr p : {x, dz, w, wt, bias, y, dx, parts}) ok(cuMemFree(p), "cuMemFree");
    }
    if (runs) printf("all, best of each: %.1f us\n", best_of_all);
    printf("%zu kernels at batch %d: %d results wrong\n", kernels.size(), batch, wrong);
    ok(cuModuleUnload(module), "cuModuleUnload"), ok(cuStreamDestroy(stream), "cuStreamDestroy");
    ok(cuEventDestroy(before), "cuEventDestroy"), ok(cuEventDestroy(after), "cuEventDestroy");
    ok(cuDevicePrimaryCtxRelease(device), "cuDevicePrimaryCtxRelease");
    return wrong != 0;
}
