//go:build dnnl

// ema.cpp: the moving average of a parameter; formula in engine/op/ema.go.
//
// One pass over the fp32 masters, which have one format; the other sections of the average, in the formats in which
// layers read it, are reordered from its master.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

namespace {

INLINE void average_range(float decay, float *a, const float *w, int64_t n) {
    const float rest = 1.f - decay;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) a[i] = decay * a[i] + rest * w[i];
}

} // namespace

// Inputs a, w; output a in place.
void ema(Kernel &k, float decay, const Layout &a, const Layout &w) {
    if (a.desc() != w.desc())
        throw std::invalid_argument("the average lies as " + a.describe() + ", the weight as " + w.describe());
    const Operand master = k.output(a);
    k.in_place = 0;
    const int64_t n = elements(a.desc());
    k.loop({k.input(0, a), master, k.input(1, w)}, [n, decay](Pointers p) {
        if (p[0] != p[1]) throw std::invalid_argument("the average must be updated in place");
        parallel(n, plane, [&](int64_t b, int64_t e) {
            average_range(decay, (float *)p[1] + b, (const float *)p[2] + b, e - b);
        });
    });
    for (size_t i = 1; i < a.sections.size(); i++) {
        const Section &s = a.sections[i];
        k.reorder(master, Operand{Operand::output, 0, s.offset, s.desc});
    }
}

} // namespace duet

using namespace duet;

duet_kernel *duet_ema(duet_device d, float decay, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { ema(k, decay, *in[0], *in[1]); });
}
