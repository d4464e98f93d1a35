// course.cpp: runs the steps of the course, from the naive convolution to the built-in one, on AlexNet's conv3: 3x3,
// 256 maps of 13x13 to 384.
//
//   course FOLDER [BATCH] [RUNS]    FOLDER has the steps' PTX; the first GPU, or the simulated driver
//
// Each step's results of the first and the last image are compared with float64 sums; a wrong one is said and ends with
// status 1. Of each step the program says what its threads ask of global memory, and what an H100 allows it by the
// count; with RUNS, what it takes on the card at hand.
#include "../lab.h"

// Conv2D is the kernels' (kernels/conv2d.h).
struct Divisor {
    uint32_t divisor, multiplier, shift;
};
struct Conv2D {
    int images, height, width, channels, groups, maps, out_height, out_width, kernel, stride, pad, weight_channels,
        splits, relu;
    Divisor area, row;
    int places() const { return images * out_height * out_width; }
    int window() const { return kernel * kernel * channels; }
};

static Divisor divisor(int d) {
    uint32_t log = 1;
    while ((1u << log) < (uint32_t)d) log++;
    return {(uint32_t)d, (uint32_t)((((uint64_t)1 << (31 + log)) + d - 1) / d), log - 1};
}

static Conv2D conv3(int images) {
    return {images, 13, 13, 256, 1, 384, 13, 13, 3, 1, 1, 256, 1, 0, divisor(13 * 13), divisor(13)};
}

// Step is a kernel with its tile of m places x n maps, made of slices of depth. turns are the clocks that a
// multiprocessor's load unit takes for a slice: one for 128 bytes to or from shared memory, or into registers, more
// where banks conflict; the step's file says which.
struct Step {
    const char *file, *kernel, *news;
    int m, n, depth, threads, shared, turns;
    bool half, last; // bf16; channels last
};
static const Step steps[] = {
    {"step_1_naive", "step_1", "a thread an output", 128, 1, 1, 128, 0, 8, false, false},
    {"step_2_shared", "step_2", "tiles in shared memory", 16, 16, 16, 256, 0, 288, false, false},
    {"step_3_registers", "step_3", "tiles in registers", 128, 128, 8, 256, 0, 1152, false, false},
    {"step_4_channels_last", "step_4", "channels last", 128, 128, 8, 256, 0, 1152, false, true},
    {"step_5_tensor", "step_5", "bf16, tensor cores", 64, 64, 64, 128, 0, 2304, true, true},
    {"step_6_ldmatrix", "step_6", "ldmatrix, no conflicts", 64, 64, 64, 128, 0, 512, true, true},
    {"step_7_async", "step_7", "cp.async, three slices", 64, 64, 64, 128, 3 * 128 * 64 * 2, 384, true, true},
    {"step_8_final", "conv2d_forward_tensor_128x128x64", "tiles, bias, rectifier", 128, 128, 64, 128, 3 * 256 * 64 * 2,
     768, true, true},
};

// An H100: multiprocessors, GHz; multiplications with additions a clock of one, bytes a clock of the cache that they
// share: an A100's, of its whitepaper; none is published for an H100. 1.83 GHz is what 989.4 TFLOP/s in bf16 mean; the
// data sheet's 67 TFLOP/s in fp32 would be 1.98.
static const double multiprocessors = 132, ghz = 1.83, per_clock_f32 = 128, per_clock_bf16 = 2048, cache_bytes = 5120;

// Bytes are what threads ask of global memory.
struct Bytes {
    double read, written;
};

// taps are the window's elements that lie in the image, of all places.
static double taps(const Conv2D &c) {
    double rows = 0; // of a column of places
    for (int p = 0; p < c.out_height; p++)
        for (int u = 0; u < c.kernel; u++) rows += p + u - c.pad >= 0 && p + u - c.pad < c.height;
    return c.images * rows * rows; // height and width are the same
}

static Bytes asked(const Step &s, const Conv2D &c) {
    const double size = s.half ? 2 : 4, blocks_m = (c.places() + s.m - 1) / s.m, blocks_n = c.maps / s.n;
    const double x = taps(c) * c.channels * blocks_n;
    const double w = s.n == 1 ? x : blocks_m * c.maps * c.window(); // each thread on its own, or once a block
    const double bias = s.kernel[0] == 'c' ? 4. * c.places() * c.maps : 0;
    return {(x + w) * size + bias, size * c.places() * c.maps};
}

// TFLOP/s that the load unit, the cache and arithmetic allow an H100.
struct Limits {
    double load, cache, arithmetic;
    double least() const { return std::min(load, std::min(cache, arithmetic)); }
};
static Limits limits(const Step &s, const Conv2D &c) {
    const double tera = 2 * ghz / 1e3, slice = (double)s.m * s.n * s.depth;
    const double all = (double)c.places() * c.maps * c.window();
    Limits l;
    l.load = multiprocessors * slice / s.turns * tera;
    l.cache = s.n == 1 ? 1e9 : cache_bytes * all / asked(s, c).read * tera; // of step 1, a nearer cache has most
    l.arithmetic = multiprocessors * (s.half ? per_clock_bf16 : per_clock_f32) * tera;
    return l;
}

// Problem has random values that bf16 can hold, channels last, and the sums that are right for some images.
struct Problem {
    Conv2D c;
    std::vector<uint16_t> x, w;
    std::vector<float> bias;
    std::vector<int> images;              // those that are compared
    std::vector<double> sums, magnitudes; // [image, place, map]

    explicit Problem(int batch) : c(conv3(batch)) {
        x = random((size_t)batch * c.height * c.width * c.channels), w = random((size_t)c.maps * c.window());
        for (int map = 0; map < c.maps; map++) bias.push_back((float)(draw() & 0xff) / 4 - 32);
        images = {0};
        if (batch > 1) images.push_back(batch - 1);
        for (const int image : images)
            for (int p = 0; p < c.out_height; p++)
                for (int q = 0; q < c.out_width; q++)
                    for (int map = 0; map < c.maps; map++) add(image, p, q, map);
    }
    void add(int image, int p, int q, int map) {
        double sum = 0, magnitude = 0;
        for (int u = 0; u < c.kernel; u++)
            for (int v = 0; v < c.kernel; v++) {
                const int h = p + u - c.pad, r = q + v - c.pad;
                if (h < 0 || r < 0 || h >= c.height || r >= c.width) continue;
                const uint16_t *const xs = &x[((size_t)(image * c.height + h) * c.width + r) * c.channels],
                                      *const ws =
                                          &w[((size_t)map * c.kernel * c.kernel + u * c.kernel + v) * c.channels];
                for (int channel = 0; channel < c.channels; channel++) {
                    const double term = (double)value(xs[channel]) * value(ws[channel]);
                    sum += term, magnitude += std::fabs(term);
                }
            }
        sums.push_back(sum), magnitudes.push_back(magnitude);
    }
};

// channels_first are the floats of [n,area,channels] as [n,channels,area].
static std::vector<float> channels_first(const std::vector<uint16_t> &x, int area, int channels) {
    std::vector<float> y(x.size());
    const size_t image = (size_t)area * channels;
    for (size_t i = 0; i < x.size(); i++)
        y[i / image * image + i % channels * area + i % image / channels] = value(x[i]);
    return y;
}
static std::vector<float> floats(const std::vector<uint16_t> &x) { return channels_first(x, 1, 1); }

static CUdeviceptr upload(const Step &s, const std::vector<uint16_t> &x, int area, int channels) {
    if (s.half) return upload(x);
    return upload(s.last ? floats(x) : channels_first(x, area, channels));
}

// results are a step's y, channels last.
static std::vector<float> results(const Step &s, const Conv2D &c, CUdeviceptr y) {
    const size_t n = (size_t)c.places() * c.maps;
    if (s.half) return floats(download<uint16_t>(y, n));
    const std::vector<float> got = download<float>(y, n);
    if (s.last) return got;
    std::vector<float> turned(n);
    const size_t area = c.out_height * c.out_width, image = area * c.maps;
    for (size_t i = 0; i < n; i++) turned[i / image * image + i % area * c.maps + i % image / area] = got[i];
    return turned;
}

// check compares with the float64 sums: 2304 roundings of 2^-24 each, which fall as they like, add up to 48 of them, a
// third of 1e-5 of the terms' magnitude; a result in bf16 is rounded by 2^-9 of itself.
static void check(Lab &lab, const Step &s, const Problem &p, bool rectified, const std::vector<float> &y) {
    const size_t image = (size_t)p.c.out_height * p.c.out_width * p.c.maps;
    for (size_t i = 0; i < p.sums.size(); i++) {
        const float bias = p.bias[i % p.c.maps];
        const double want = rectified ? std::max(0., p.sums[i] + bias) : p.sums[i];
        lab.compare(s.file, y[p.images[i / image] * image + i % image], want,
                    1e-5 * p.magnitudes[i] + (s.half ? std::fabs(want) / 256 : 0));
    }
}

// run makes a step's results, checks them, and gives microseconds of one of many runs.
static double run(Lab &lab, const Step &s, const Problem &p) {
    Conv2D c = p.c;
    const bool built_in = s.kernel[0] == 'c';
    c.relu = built_in;
    CUdeviceptr x = upload(s, p.x, c.height * c.width, c.channels), w = upload(s, p.w, c.kernel * c.kernel, c.channels),
                bias = upload(p.bias), y;
    const size_t bytes = (size_t)c.places() * c.maps * (s.half ? 2 : 4);
    ok(cuMemAlloc(&y, bytes), "cuMemAlloc"), ok(cuMemsetD8(y, 0xff, bytes), "cuMemsetD8");
    CUfunction function;
    ok(cuModuleGetFunction(&function, lab.module, s.kernel), s.kernel);
    ok(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, s.shared), s.kernel);
    std::vector<void *> arguments = {&y, &x, &w};
    if (built_in) arguments.push_back(&bias);
    arguments.push_back(&c);
    const unsigned outputs = c.places() * c.maps, gx = ((s.n == 1 ? outputs : c.places()) + s.m - 1) / s.m,
                   gy = s.n == 1 ? 1 : c.maps / s.n;
    const double us = lab.time(s.kernel, [&] {
        ok(cuLaunchKernel(function, gx, gy, 1, s.threads, 1, 1, s.shared, lab.stream, arguments.data(), nullptr),
           s.kernel);
    });
    check(lab, s, p, built_in, results(s, c, y));
    for (const CUdeviceptr d : {x, w, bias, y}) ok(cuMemFree(d), "cuMemFree");
    return us;
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: course FOLDER [BATCH] [RUNS]\n"), 2;
    const int batch = argc > 2 ? atoi(argv[2]) : 2, runs = argc > 3 ? atoi(argv[3]) : 0;
    if (batch < 1 || batch > 1024 || runs < 0)
        return fprintf(stderr, "course: batch %d, runs %d: want 1 to 1024, and 0 or more\n", batch, runs), 2;
    const Problem p(batch);
    const double operations = 2. * p.c.places() * p.c.maps * p.c.window();
    printf("conv3 at batch %d: %.0f million multiplications with additions\n", batch, operations / 2e6);
    printf("%-47s MB asked of memory  operations  TFLOP/s that an H100 allows by\n", "");
    printf("%-47s    read   written      a byte  load unit  cache  arithmetic    all", "");
    printf(runs ? "       us  TFLOP/s\n" : "\n");
    int wrong = 0;
    for (const Step &s : steps) {
        Lab lab((std::string(argv[1]) + "/" + s.file + ".ptx").c_str());
        lab.runs = runs;
        const double us = run(lab, s, p);
        const Bytes b = asked(s, p.c);
        const Limits l = limits(s, p.c);
        printf("%-22s %-24s %7.1f %9.2f %11.1f %10.1f", s.file, s.news, b.read / 1e6, b.written / 1e6,
               operations / (b.read + b.written), l.load);
        if (s.n == 1) printf("%7s", "");
        else printf("%7.1f", l.cache);
        printf("%12.1f %6.1f", l.arithmetic, l.least());
        if (runs) printf(" %8.1f %8.1f", us, operations / us / 1e6);
        printf(lab.wrong ? "  %d results wrong\n" : "\n", lab.wrong);
        fflush(stdout);
        wrong += lab.wrong;
    }
    printf("%zu results of each step compared with float64 sums, %d wrong\n", p.sums.size(), wrong);
    return wrong != 0;
}
