//go:build dnnl

// sgd.cpp: stochastic gradient descent with momentum and weight decay; formula in engine/op/sgd.go.
//
// One pass over the fp32 master, its velocity and the gradient, which have one format. A bf16 copy of the master in the
// same order, or in oneDNN's order of pairs, is written in the same pass; others are reordered from the master.
#include "guard.hpp"
#include "loops.hpp"

#include <atomic>

namespace duet {

namespace {

// Copy is a bf16 copy of the master that the update writes too. In the order of pairs, elements i and row + i of every
// 2*row lie side by side, which is how bf16 instructions read matrices; row is 0 for the master's own order.
struct Copy {
    Operand operand;
    int64_t row;
};

// copy_of says whether a section is such a copy: the master's inner blocks are n x row, the copy's n/2 x row x 2.
std::optional<Copy> copy_of(const Operand &master, const Operand &copy) {
    if (type_of(copy.desc) != Type::bf16) return std::nullopt;
    const Blocking m = blocking_of(master.desc), c = blocking_of(copy.desc);
    if (m == c) return Copy{copy, 0};
    if (m.dims != c.dims || m.strides != c.strides || m.inner.size() != 2 || c.inner.size() != 3) return std::nullopt;
    const int64_t rows = m.inner[0], row = m.inner[1];
    if (c.inner != Dims{rows / 2, row, 2} || c.axes != Dims{m.axes[0], m.axes[1], m.axes[0]}) return std::nullopt;
    return Copy{copy, row};
}

// update_range returns the bits of the largest |g|: as integers, magnitudes are in order, and a NaN is above all.
INLINE uint32_t update_range(duet_update u, float rate, float *w, float *v, const float *g, int64_t n) {
    uint32_t peak = 0;
#pragma omp simd reduction(max : peak)
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        std::memcpy(&bits, g + i, sizeof bits);
        peak = std::max(peak, bits & 0x7fffffff);
        const float velocity = u.momentum * v[i] - rate * (g[i] + u.decay * w[i]);
        v[i] = velocity;
        w[i] += velocity;
    }
    return peak;
}

// interleave writes the elements of rows 2i and 2i+1 side by side.
INLINE void interleave(const float *w, bf16 *copy, int64_t row, int64_t n) {
    for (int64_t i = 0; i < n; i += 2 * row) {
        for (int64_t j = 0; j < row; j++) {
            const uint32_t pair = uint32_t(rounded(w[i + j])) | uint32_t(rounded(w[i + row + j])) << 16;
            std::memcpy(copy + i + 2 * j, &pair, sizeof pair);
        }
    }
}

// update_copied works on pieces that stay in the first cache while they are copied.
INLINE uint32_t update_copied(duet_update u, float rate, float *w, float *v, const float *g, bf16 *copy, int64_t row,
                              int64_t n) {
    constexpr int64_t piece = 1024;
    const int64_t step = row ? std::max(piece / (2 * row), int64_t(1)) * 2 * row : piece;
    uint32_t peak = 0;
    for (int64_t i = 0; i < n; i += step) {
        const int64_t count = std::min(step, n - i);
        peak = std::max(peak, update_range(u, rate, w + i, v + i, g + i, count));
        if (row == 64) interleave(w + i, copy + i, 64, count);
        else if (row) interleave(w + i, copy + i, row, count);
        else
            for (int64_t j = 0; j < count; j++) store(copy + i + j, w[i + j]);
    }
    return peak;
}

void raise(std::atomic<uint32_t> &to, uint32_t value) {
    for (uint32_t was = to; was < value && !to.compare_exchange_weak(was, value);) {
    }
}

} // namespace

// Inputs w, v, g, rate; outputs w and v in place, and, if it is wanted, the gradient's peak.
void sgd(Kernel &k, const duet_update &u, bool peak, const Layout &w, const Layout &v, const Layout &g,
         const Layout &rate) {
    const Layout velocity = v.reshaped(w.dims());
    if (velocity.desc() != w.desc())
        throw std::invalid_argument("the weight lies as " + w.describe() + ", the velocity as " + v.describe());
    const Operand grad = k.converted(2, g.reshaped(w.dims()), w.desc());
    const Operand master = k.output(w), moved = k.output(v);
    k.in_place = 0;

    std::vector<Operand> copies; // by reorder
    std::optional<Copy> fused;
    for (size_t i = 1; i < w.sections.size(); i++) {
        const Section &s = w.sections[i];
        const Operand copy{Operand::output, 0, s.offset, s.desc};
        if (!fused && (fused = copy_of(master, copy))) continue;
        copies.push_back(copy);
    }
    const int64_t n = elements(w.desc());
    std::vector<Operand> operands = {k.input(0, w), master, k.input(1, v), moved, grad, k.input(3, rate)};
    if (fused) operands.push_back(fused->operand);
    if (peak) operands.push_back(k.output(Layout(plain(Type::f32, {1}))));
    k.loop(operands, [n, u, peak, copied = fused.has_value(), row = fused ? fused->row : 0](Pointers p) {
        if (p[0] != p[1] || p[2] != p[3]) throw std::invalid_argument("weight and velocity must be updated in place");
        const float rate = *(const float *)p[5] * u.rate;
        auto *copy = copied ? (bf16 *)p[6] : nullptr;
        std::atomic<uint32_t> largest{0};
        parallel(n, row ? 64 * row : plane, [&](int64_t b, int64_t e) {
            float *w = (float *)p[1] + b, *v = (float *)p[3] + b;
            const float *g = (const float *)p[4] + b;
            raise(largest,
                  copy ? update_copied(u, rate, w, v, g, copy + b, row, e - b) : update_range(u, rate, w, v, g, e - b));
        });
        if (peak) {
            const uint32_t bits = largest;
            std::memcpy(p[copied ? 7 : 6], &bits, sizeof bits);
        }
    });
    for (const Operand &copy : copies) k.reorder(master, copy);
}

} // namespace duet

using namespace duet;

duet_kernel *duet_sgd(duet_device d, duet_update u, int peak, const duet_layout *in[4], char **error) {
    return prepared(d, error, [&](Kernel &k) { sgd(k, u, peak, *in[0], *in[1], *in[2], *in[3]); });
}
