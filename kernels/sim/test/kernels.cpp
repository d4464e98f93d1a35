// kernels.cpp: correct kernels give correct results, whatever the order of blocks and threads.
#include "harness.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

CASE(saxpy, all, ENVIRONMENT(), SAYS()) {
    Gpu g;
    const CUdeviceptr y = g.floats(1000, 1.f), x = g.floats(1000, 3.f);
    OK(g.launch("saxpy", 4, 256, {bits(y), bits(x), bits(2.f), bits(1000)}));
    for (float v : g.read(y, 1000)) CHECK(v == 7.f);
    g.close();
}

// A struct is handed over like any value: by a pointer to it, or among the others in one buffer, at its alignment.
CASE(structs, all, ENVIRONMENT(), SAYS()) {
    struct Line {
        int n;
        float slope;
        int64_t first;
        unsigned step, last;
    } p{1000, 0.5f, (int64_t)1 << 24, 3, 7};
    struct {
        uint64_t y;
        int shift, unused;
        Line p;
        float scale;
    } all{0, 1, -1, p, 2.f};
    Gpu g;
    const CUdeviceptr y = g.empty(1000);
    all.y = y;
    size_t bytes = offsetof(decltype(all), scale) + 4;
    void *pointers[] = {&all.y, &all.shift, &p, &all.scale};
    void *packed[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &all, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
    for (bool together : {false, true}) {
        OK(cuMemsetD8(y, 0xff, 4000));
        OK(cuLaunchKernel(g.kernel("line"), 4, 1, 1, 256, 1, 1, 0, g.stream, together ? nullptr : pointers,
                          together ? packed : nullptr));
        const auto got = g.read(y, 1000);
        for (int i = 0; i < 1000; i++)
            CHECK(got[i] == (i == 999 ? 15.f : 2.f * (0.5f * (float)i + 16777216.f + 3.f) + 1.f));
    }
    g.close();
}

static void reverse(Gpu &g) {
    std::vector<float> x(1000);
    for (int i = 0; i < 1000; i++) x[i] = (float)i;
    const CUdeviceptr p = g.empty(1000);
    OK(cuMemcpyHtoD(p, x.data(), 4000));
    OK(g.launch("reverse", 1, 1000, {bits(p)}, 4000));
    const auto y = g.read(p, 1000);
    for (int i = 0; i < 1000; i++) CHECK(y[i] == x[999 - i]);
}

static void block_sum(Gpu &g) {
    const CUdeviceptr sums = g.empty(10), x = g.floats(2500, 0.5f);
    OK(g.launch("block_sum", 10, 256, {bits(sums), bits(x), bits(2500)}));
    const auto s = g.read(sums, 10);
    for (int i = 0; i < 10; i++) CHECK(s[i] == (i < 9 ? 128.f : 98.f));
}

// collective is what lane t of kernel collectives gets in word i.
static unsigned collective(unsigned t, unsigned i) {
    const unsigned first = t & 32, live = t < 32 ? 0xffffffffu : 0xffffu;
    unsigned ballot = 0;
    for (unsigned l = 0; l < 32; l++)
        if ((live >> l & 1) && (first + l) % 3 == 0) ballot |= 1u << l;
    switch (i) {
    case 0: return first + 3;
    case 1: return t % 32 ? t - 1 : t;
    case 2: return t ^ 5;
    case 3: return ballot;
    case 4: return t < 32 ? 2 : 1;
    case 5: return t % 4 + 2 <= 3 ? t + 2 : t;
    case 6: return 10;
    default: return t < 32 ? (t ^ 1) + (t < 16 ? t ^ 2 : 0) : 0;
    }
}

static void collectives(Gpu &g) {
    const CUdeviceptr p = g.floats(8 * 48, 0.f);
    OK(g.launch("collectives", 1, 48, {bits(p)}));
    const auto raw = g.read(p, 8 * 48);
    for (unsigned t = 0; t < 48; t++)
        for (unsigned i = 0; i < 8; i++) {
            if (t >= 32 && i == 2 && (t ^ 5) >= 48) continue;
            const unsigned got = (unsigned)bits(raw[8 * t + i]), want = collective(t, i);
            if (got != want)
                fail(__FILE__, __LINE__,
                     "lane " + std::to_string(t) + " word " + std::to_string(i) + ": " + std::to_string(got) +
                         ", want " + std::to_string(want));
        }
}

static void neighbours(Gpu &g) {
    std::vector<float> x(64);
    for (int i = 0; i < 64; i++) x[i] = (float)i;
    const CUdeviceptr p = g.empty(64);
    OK(cuMemcpyHtoD(p, x.data(), 256));
    OK(g.launch("neighbours", 1, 64, {bits(p)}));
    const auto y = g.read(p, 64);
    for (int i = 0; i < 64; i++) CHECK(y[i] == x[(i & 32) + (i + 300) % 32] + 300.f);
}

static void histogram(Gpu &g) {
    std::vector<int> x(5000);
    for (int i = 0; i < 5000; i++) x[i] = i * 7 % 10;
    const CUdeviceptr counts = g.floats(10, 0.f), p = g.empty(5000);
    OK(cuMemcpyHtoD(p, x.data(), 20000));
    OK(g.launch("histogram", 20, 256, {bits(counts), bits(p), bits(5000)}));
    for (float c : g.read(counts, 10)) CHECK(bits(c) == 500);
}

static void three_dimensions(Gpu &g) {
    const CUdeviceptr p = g.floats(5000, 0.f);
    uint64_t x = p;
    int n = 5000;
    void *values[] = {&x, &n};
    OK(cuLaunchKernel(g.kernel("twice"), 4, 5, 2, 32, 1, 4, 0, g.stream, values, nullptr));
    for (float v : g.read(p, 5000)) CHECK(bits(v) == 1);
}

static void product(Gpu &g, int M, int N, int K) {
    std::vector<float> a(M * K), b(K * N);
    for (int i = 0; i < M * K; i++) a[i] = (float)(i % 7 - 3);
    for (int i = 0; i < K * N; i++) b[i] = (float)(i % 5 - 2);
    const CUdeviceptr A = g.empty(M * K), B = g.empty(K * N), C = g.empty(M * N);
    OK(cuMemcpyHtoD(A, a.data(), 4 * a.size()));
    OK(cuMemcpyHtoD(B, b.data(), 4 * b.size()));
    uint64_t values[] = {C, A, B, (uint64_t)M, (uint64_t)N, (uint64_t)K};
    void *pointers[] = {values, values + 1, values + 2, values + 3, values + 4, values + 5};
    OK(cuLaunchKernel(g.kernel("product"), (N + 63) / 64, (M + 63) / 64, 1, 256, 1, 1, 0, g.stream, pointers, nullptr));
    const auto c = g.read(C, M * N);
    for (int i = 0; i < M; i += 3)
        for (int j = 0; j < N; j += 5) {
            float sum = 0;
            for (int k = 0; k < K; k++) sum += a[i * K + k] * b[k * N + j];
            CHECK(c[i * N + j] == sum);
        }
}

static void everything() {
    Gpu g;
    reverse(g);
    block_sum(g);
    collectives(g);
    neighbours(g);
    histogram(g);
    three_dimensions(g);
    product(g, 70, 65, 33);
    g.close();
}

CASE(kernels, all, ENVIRONMENT(), SAYS()) { everything(); }
CASE(kernels_seed_1, all, ENVIRONMENT("DUET_SIM_SEED=1"), SAYS()) { everything(); }
CASE(kernels_seed_2, all, ENVIRONMENT("DUET_SIM_SEED=2", "DUET_SIM_DELAY=200"), SAYS()) { everything(); }
CASE(kernels_seed_3, all, ENVIRONMENT("DUET_SIM_SEED=18446744073709551615"), SAYS()) { everything(); }

static float from_bf16(uint16_t h) {
    const uint32_t u = (uint32_t)h << 16;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

CASE(tensor_cores, all, ENVIRONMENT("DUET_SIM_SEED=5"), SAYS()) {
    Gpu g;
    g.modules.emplace_back();
    OK(cuModuleLoadData(&g.modules.back(), ptx("tensor").c_str()));
    std::vector<uint16_t> a(256), b(128);
    for (int i = 0; i < 256; i++) a[i] = (uint16_t)(bits((float)(i * 5 % 17 - 8)) >> 16);
    for (int i = 0; i < 128; i++) b[i] = (uint16_t)(bits((float)(i * 3 % 13 - 6)) >> 16);
    const CUdeviceptr A = g.empty(128), B = g.empty(64), C = g.empty(128);
    OK(cuMemcpyHtoD(A, a.data(), 512));
    OK(cuMemcpyHtoD(B, b.data(), 256));
    OK(g.launch("tensor_product", 1, 32, {bits(C), bits(A), bits(B)}));
    const auto c = g.read(C, 128);
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j++) {
            float sum = 0;
            for (int k = 0; k < 16; k++) sum += from_bf16(a[16 * i + k]) * from_bf16(b[8 * k + j]);
            CHECK(c[8 * i + j] == sum);
        }
    g.close();
}

// A copy that nobody waits for happens when the thread returns.
CASE(asynchronous_copy_needs_a_wait, fast, ENVIRONMENT(), SAYS()) {
    Gpu g;
    g.modules.emplace_back();
    OK(cuModuleLoadData(&g.modules.back(), ptx("tensor").c_str()));
    const CUdeviceptr a = g.floats(128, 1.f), c = g.empty(32);
    OK(g.launch("missing_wait", 1, 32, {bits(c), bits(a)}));
    CHECK(g.read(c, 1)[0] != 1.f);
    g.close();
}
CASE(asynchronous_copy_without_wait_is_said, checked, ENVIRONMENT(), SAYS("race: kernel missing_wait")) {
    Gpu g;
    g.modules.emplace_back();
    OK(cuModuleLoadData(&g.modules.back(), ptx("tensor").c_str()));
    const CUdeviceptr a = g.floats(128, 1.f), c = g.empty(32);
    OK(g.launch("missing_wait", 1, 32, {bits(c), bits(a)}));
    g.read(c, 32);
    g.close();
}

// A copy may arrive at any time until the thread has waited for it, also after a barrier and what is written behind it.
static std::vector<float> overtaken_copy(int wait) {
    Gpu g;
    g.modules.emplace_back();
    OK(cuModuleLoadData(&g.modules.back(), ptx("tensor").c_str()));
    const CUdeviceptr a = g.floats(128, 1.f), c = g.empty(32);
    OK(g.launch("overtaken_copy", 1, 32, {bits(c), bits(a), bits(wait)}));
    const auto got = g.read(c, 32);
    g.close();
    return got;
}
CASE(asynchronous_copy_waited_for, all, ENVIRONMENT(), SAYS()) {
    for (float x : overtaken_copy(1)) CHECK(x == 2.f);
}
CASE(asynchronous_copy_overtaken, fast, ENVIRONMENT(), SAYS()) { CHECK(overtaken_copy(0)[1] == 1.f); }
CASE(asynchronous_copy_overtaken_is_said, checked, ENVIRONMENT(), SAYS("race: kernel overtaken_copy")) {
    overtaken_copy(0);
}
