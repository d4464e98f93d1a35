//go:build dnnl

// sgd.cpp: stochastic gradient descent with momentum and weight decay; formula in engine/op/sgd.go.
//
// One pass over the fp32 master, its velocity and the gradient, which have one format. Copies of the master that differ
// in precision alone are written in the same pass, the others reordered from it.
#include "guard.hpp"
#include "loops.hpp"

#include <atomic>

namespace duet {

namespace {

// Returns the bits of the largest |g|: as integers, magnitudes are in order, and a NaN is above all.
template <class C> VECTORISED uint32_t update_range(duet_update u, float rate, float *w, float *v, const float *g, C *copy, int64_t n) {
    uint32_t peak = 0;
#pragma omp simd reduction(max : peak)
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        std::memcpy(&bits, g + i, sizeof bits);
        peak = std::max(peak, bits & 0x7fffffff);
        const float velocity = u.momentum * v[i] - rate * (g[i] + u.decay * w[i]);
        const float weight = w[i] + velocity;
        v[i] = velocity;
        w[i] = weight;
        if (copy) store(copy + i, weight);
    }
    return peak;
}

void raise(std::atomic<uint32_t> &to, uint32_t value) {
    for (uint32_t was = to; was < value && !to.compare_exchange_weak(was, value);) {
    }
}

} // namespace

// Inputs w, v, g, rate; outputs w and v in place, and, if it is wanted, the gradient's peak.
void sgd(Kernel &k, const duet_update &u, bool peak, const Layout &w, const Layout &v, const Layout &g, const Layout &rate) {
    const Layout velocity = v.reshaped(w.dims());
    if (velocity.desc() != w.desc()) throw std::invalid_argument("the weight lies as " + w.describe() + ", the velocity as " + v.describe());
    const Operand grad = k.converted(2, g.reshaped(w.dims()), w.desc());
    const Operand master = k.output(w), moved = k.output(v);
    k.in_place = 0;

    const Blocking format = blocking_of(w.desc());
    std::vector<Operand> copies; // by reorder
    std::optional<Operand> fused;
    for (size_t i = 1; i < w.sections.size(); i++) {
        const Section &s = w.sections[i];
        const Operand copy{Operand::output, 0, s.offset, s.desc};
        if (!fused && type_of(s.desc) == Type::bf16 && blocking_of(s.desc) == format)
            fused = copy;
        else
            copies.push_back(copy);
    }
    const int64_t n = elements(w.desc());
    std::vector<Operand> operands = {k.input(0, w), master, k.input(1, v), moved, grad, k.input(3, rate)};
    if (fused) operands.push_back(*fused);
    if (peak) operands.push_back(k.output(Layout(plain(Type::f32, {1}))));
    k.loop(operands, [n, u, peak, copied = fused.has_value()](Pointers p) {
        if (p[0] != p[1] || p[2] != p[3]) throw std::invalid_argument("weight and velocity must be updated in place");
        const float rate = *(const float *)p[5] * u.rate;
        auto *copy = copied ? (bf16 *)p[6] : nullptr;
        std::atomic<uint32_t> largest{0};
        parallel(n, plane, [&](int64_t b, int64_t e) {
            float *w = (float *)p[1] + b, *v = (float *)p[3] + b;
            const float *g = (const float *)p[4] + b;
            raise(largest, copy ? update_range(u, rate, w, v, g, copy + b, e - b) : update_range<bf16>(u, rate, w, v, g, nullptr, e - b));
        });
        if (peak) {
            const uint32_t bits = largest;
            std::memcpy(p[copied ? 7 : 6], &bits, sizeof bits);
        }
    });
    k.note("loop");
    for (const Operand &copy : copies) k.reorder(master, copy);
}

} // namespace duet

using namespace duet;

duet_kernel *duet_sgd(duet_device d, duet_update u, int peak, const duet_layout *in[4], char **error) {
    return prepared(d, error, [&](Kernel &k) { sgd(k, u, peak, *in[0], *in[1], *in[2], *in[3]); });
}
