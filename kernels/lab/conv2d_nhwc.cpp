// conv2d_nhwc.cpp: checks and times the kernels of PTX files made of conv2d_nhwc.cu on AlexNet's convolutions.
//
//   conv2d_nhwc FILE.ptx [BATCH] [RUNS]    on the first GPU, or on the simulated driver; without RUNS it only checks
//
// A kernel's name says its tile of places (or maps) by maps (or columns), the depth of a slice, how many lie in memory,
// and a warp's tile. Sampled results of every kernel are compared with float64 sums on the host; a wrong one is said
// and ends with status 1.
#include "lab.h"

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

static Lab *lab;

// launch runs a kernel and gives microseconds of one of many runs.
static double launch(const Kernel &k, unsigned gx, unsigned gy, unsigned gz, std::vector<void *> arguments, Geometry &g,
                     int *splits) {
    for (int i = 0; i < 10; i++) arguments.push_back((int *)&g + i);
    arguments.push_back(&g.image_multiplier), arguments.push_back(&g.image_shift),
        arguments.push_back(&g.row_multiplier), arguments.push_back(&g.row_shift);
    if (splits) arguments.push_back(splits);
    return lab->time(k.name, [&] {
        ok(cuLaunchKernel(k.function, gx, gy, gz, k.threads(), 1, 1, k.shared(), lab->stream, arguments.data(),
                          nullptr),
           k.name);
    });
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
    for (uint16_t v : ys) lab->wrong += !std::isfinite(value(v));
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
        lab->compare(k.name, value(ys[(size_t)place * out + map]), sum, 0.006 * (std::fabs(sum) + magnitude * 1e-5));
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
    for (float v : ps) lab->wrong += !std::isfinite(v);
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
        lab->compare(k.name, got, sum, 1e-5 * (std::fabs(sum) + magnitude));
    }
    return us;
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: conv2d_nhwc FILE.ptx [BATCH] [RUNS]\n"), 2;
    const int batch = argc > 2 ? atoi(argv[2]) : 128;
    Lab here(argv[1]);
    lab = &here;
    const int runs = here.runs = argc > 3 ? atoi(argv[3]) : 0, multiprocessors = here.multiprocessors;
    std::vector<Kernel> kernels;
    for (const std::string &name : here.kernels("conv2d_")) {
        Kernel k{};
        k.name = name;
        k.gradient = k.name.find("_grad_weight_") != std::string::npos;
        k.warpgroups = k.name.find("conv2d_wgmma_") == 0;
        const char *const tile = k.name.c_str() + k.name.find_first_of("123456789", strlen("conv2d_"));
        if (sscanf(tile, "%dx%d_%d_%d_%dx%d", &k.m, &k.n, &k.depth, &k.stages, &k.wm, &k.wn) != 6)
            return fprintf(stderr, "%s: no tile in the name\n", k.name.c_str()), 1;
        ok(cuModuleGetFunction(&k.function, here.module, k.name.c_str()), k.name);
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
    printf("%zu kernels at batch %d: %d results wrong\n", kernels.size(), batch, here.wrong);
    return here.wrong != 0;
}
