// lrn_max_pool_nhwc.cpp: checks and times the kernels of lrn_max_pool_nhwc.cu on AlexNet's two layers of that kind.
//
//   lrn_max_pool_nhwc FILE.ptx [BATCH] [RUNS]    on the first GPU, or the simulated driver; without RUNS it only checks
//
// The bytes are those that must be moved: a share of them a second says how far a kernel is from the memory's limit.
#include "lab.h"

struct Pool {
    int images, height, width, chunks, group_chunks, out_height, out_width;
};

static const float k = 2, alpha = 1e-4f / 5 * 100; // so large that it matters

// power is s^-0.75.
static double power(double s) { return 1 / std::sqrt(s * std::sqrt(s)); }

// scale is the formula's s at a channel.
static double scale(const uint16_t *x, int c, int channels) {
    double squares = 0;
    for (int j = c - 2; j <= c + 2; j++)
        if (j >= c / channels * channels && j < (c / channels + 1) * channels) squares += value(x[j]) * value(x[j]);
    return k + alpha * squares;
}

static void layer(Lab &lab, const char *name, int batch, int side, int channels) {
    const int out = (side - 3) / 2 + 1, line = 2 * channels;
    Pool p{batch, side, side, line / 8, channels / 8, out, out};
    const size_t in_size = (size_t)batch * side * side * line, out_size = (size_t)batch * out * out * line;
    auto xs = random(in_size);
    for (auto &v : xs)
        if (v & 0x8000) v = 0; // rectified
    const auto ds = random(out_size);
    const CUdeviceptr x = upload(xs), dy = upload(ds);
    CUdeviceptr y, argmax, dx, parts, bias;
    ok(cuMemAlloc(&y, out_size * 2), "cuMemAlloc"), ok(cuMemAlloc(&argmax, out_size), "cuMemAlloc");
    ok(cuMemAlloc(&dx, in_size * 2), "cuMemAlloc"), ok(cuMemAlloc(&bias, line * 4), "cuMemAlloc");
    std::vector<void *> pool;
    for (int i = 0; i < 7; i++) pool.push_back((int *)&p + i);
    float f[2] = {k, alpha};

    // every place's normal value, in double
    std::vector<float> normals(in_size);
    for (size_t place = 0; place < in_size / line; place++)
        for (int c = 0; c < line; c++) {
            const uint16_t *at = xs.data() + place * line;
            normals[place * line + c] = (float)(value(at[c]) * power(scale(at, c, channels)));
        }
    std::vector<uint8_t> won;
    for (const std::string &n : lab.kernels("lrn_max_pool_")) {
        if (n == "lrn_max_pool_grad") continue;
        CUfunction function;
        ok(cuModuleGetFunction(&function, lab.module, n.c_str()), n);
        int strip = 0, rows = 0, columns = 0;
        const bool tiles = sscanf(n.c_str(), "lrn_max_pool_tile_%dx%d", &rows, &columns) == 2;
        if (!tiles) sscanf(n.c_str(), "lrn_max_pool_strip_%d", &strip);
        for (int slab : tiles ? std::vector<int>{4, 6, 8, 12, 16, 32} : std::vector<int>{1}) {
            if (slab > p.chunks) break;
            std::vector<void *> arguments{&y, &argmax, (void *)&x};
            arguments.insert(arguments.end(), pool.begin(), pool.end());
            arguments.push_back(f), arguments.push_back(f + 1);
            unsigned gx, gy = 1, gz = 1, threads = 128, deep = 1, shared = 0;
            if (tiles) {
                gx = ((out + rows - 1) / rows) * ((out + columns - 1) / columns), gy = batch;
                gz = (p.chunks + slab - 1) / slab, threads = slab, deep = 256 / slab;
                shared = (2 * rows + 1) * (2 * columns + 1) * slab * 32;
                if (shared > 100 << 10) break;
                ok(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared), n);
            } else gx = (unsigned)(((size_t)batch * out * ((out + strip - 1) / strip) * p.chunks + 127) / 128);
            ok(cuMemsetD8(y, 0xff, out_size * 2), "cuMemsetD8"), ok(cuMemsetD8(argmax, 0xff, out_size), "cuMemsetD8");
            const double us = lab.time(n, [&] {
                ok(cuLaunchKernel(function, gx, gy, gz, threads, deep, 1, shared, lab.stream, arguments.data(),
                                  nullptr),
                   n);
            });
            const auto ys = download<uint16_t>(y, out_size);
            won = download<uint8_t>(argmax, out_size);
            for (size_t i = 0; i < out_size; i++) {
                const int c = (int)(i % line), q = (int)(i / line % out), r = (int)(i / line / out % out);
                const size_t corner = ((i / line / out / out * side + 2 * r) * side + 2 * q) * line + c;
                double best = -1;
                for (int u = 0; u < 9; u++)
                    best = std::max(best, (double)normals[corner + (u / 3 * side + u % 3) * line]);
                const int at = won[i];
                lab.compare(n, value(ys[i]), best, best * 0.004 + 1e-6);
                lab.compare(n + ", where", at < 9 ? normals[corner + (at / 3 * side + at % 3) * line] : -1, best,
                            best * 1e-5);
                for (int u = 0; u < at; u++) // the first of equal zeros
                    if (best == 0) lab.compare(n + ", the first", at, 0, 0);
            }
            if (lab.runs)
                printf("%-6s forward  %7.1f us %6.0f GB/s  %s %s\n", name, us, (in_size * 2 + out_size * 3) / us / 1e3,
                       n.c_str(), tiles ? std::to_string(slab).c_str() : "");
        }
    }
    // the gradient, of the last kernel's places
    CUfunction grad, sum;
    ok(cuModuleGetFunction(&grad, lab.module, "lrn_max_pool_grad"), "lrn_max_pool_grad");
    ok(cuModuleGetFunction(&sum, lab.module, "bias_sum"), "bias_sum");
    std::vector<double> g(in_size), want(in_size), biases(line), sizes(line);
    for (size_t i = 0; i < out_size; i++) {
        const int c = (int)(i % line), q = (int)(i / line % out), r = (int)(i / line / out % out);
        const int h = 2 * r + won[i] / 3, w = 2 * q + won[i] % 3;
        g[((i / line / out / out * side + h) * side + w) * line + c] += value(ds[i]);
    }
    std::vector<double> s(line), shared(line);
    for (size_t place = 0; place < in_size / line; place++) {
        const uint16_t *at = xs.data() + place * line;
        for (int c = 0; c < line; c++) {
            s[c] = scale(at, c, channels);
            shared[c] = g[place * line + c] * value(at[c]) * power(s[c]) / s[c];
        }
        for (int c = 0; c < line; c++) {
            double d = 0;
            for (int j = std::max(c / channels * channels, c - 2);
                 j <= std::min((c / channels + 1) * channels - 1, c + 2); j++)
                d += shared[j];
            d = g[place * line + c] * power(s[c]) - 1.5 * alpha * value(at[c]) * d;
            want[place * line + c] = value(at[c]) > 0 ? d : 0;
            biases[c] += want[place * line + c], sizes[c] += std::fabs(want[place * line + c]);
        }
    }
    for (int threads : {96, 128, 192, 256})
        for (int span : {1, 2, 4, 8, 16, 32}) {
            const unsigned rows = threads / p.chunks,
                           blocks = (unsigned)(((size_t)batch * side * side + rows * span - 1) / (rows * span));
            const unsigned shared = rows * (line + 8) * 4;
            int count = blocks, channel_count = line;
            if (lab.runs == 0 && (span == 2 || span > 4)) continue;
            ok(cuMemAlloc(&parts, (size_t)blocks * line * 4), "cuMemAlloc");
            ok(cuMemsetD8(dx, 0xff, in_size * 2), "cuMemsetD8");
            std::vector<void *> arguments{&dx, &parts, (void *)&x, &argmax, (void *)&dy};
            arguments.insert(arguments.end(), pool.begin(), pool.end());
            arguments.push_back(f), arguments.push_back(f + 1), arguments.push_back(&span);
            std::vector<void *> of_sum{&bias, &parts, &count, &channel_count};
            const double us = lab.time("lrn_max_pool_grad", [&] {
                ok(cuLaunchKernel(grad, blocks, 1, 1, p.chunks, rows, 1, shared, lab.stream, arguments.data(), nullptr),
                   "lrn_max_pool_grad");
            });
            const double more = lab.time("bias_sum", [&] {
                ok(cuLaunchKernel(sum, line / 8, 1, 1, 256, 1, 1, 0, lab.stream, of_sum.data(), nullptr), "bias_sum");
            });
            const auto got = download<uint16_t>(dx, in_size);
            const auto got_bias = download<float>(bias, line);
            for (size_t i = 0; i < in_size; i++)
                lab.compare("lrn_max_pool_grad", value(got[i]), want[i], std::fabs(want[i]) * 0.004 + 1e-5);
            for (int c = 0; c < line; c++) lab.compare("bias_sum", got_bias[c], biases[c], sizes[c] * 1e-5);
            if (lab.runs)
                printf("%-6s gradient %7.1f us %6.0f GB/s  %d threads, %d places each; and the bias %.1f us\n", name,
                       us, (in_size * 4 + out_size * 3) / us / 1e3, threads, span, more);
            ok(cuMemFree(parts), "cuMemFree");
        }
    for (const CUdeviceptr p : {x, dy, y, argmax, dx, bias}) ok(cuMemFree(p), "cuMemFree");
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: lrn_max_pool_nhwc FILE.ptx [BATCH] [RUNS]\n"), 2;
    const int batch = argc > 2 ? atoi(argv[2]) : 128;
    setvbuf(stdout, nullptr, _IOLBF, 0);
    Lab lab(argv[1]);
    lab.runs = argc > 3 ? atoi(argv[3]) : 0;
    layer(lab, "norm1", batch, 55, 48);
    layer(lab, "norm2", batch, 27, 128);
    printf("LRN with pooling at batch %d: %d results wrong\n", batch, lab.wrong);
    return lab.wrong != 0;
}
