//go:build dnnl

// relu.cpp: the rectifier where it is not the end of a convolution or of a layer, and its gradient; formulas in
// engine/op/relu.go. Elementwise, in whatever format the input has.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

namespace {

template <class T, class U> INLINE void rectify_range(const T *x, U *y, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float v = load(x + i);
        store(y + i, v > 0 ? v : 0.f);
    }
}

INLINE bool positive(float v) { return v > 0; }
INLINE bool positive(bf16 v) { return uint16_t(v.bits - 1) < 0x7f80; } // up to infinity; not 0, NaN or negative
INLINE float pass(float v, bool on) { return on ? v : 0.f; }
INLINE bf16 pass(bf16 v, bool on) { return {on ? v.bits : uint16_t(0)}; }

template <class T> INLINE void gate_range(const T *y, const T *dy, T *dx, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) dx[i] = pass(dy[i], positive(y[i]));
}

} // namespace

// Input x; output y.
void relu(Kernel &k, const duet_device &d, const Layout &x) {
    const bool same = x.type() == compute(d);
    const Operand from = same ? k.input(0, x) : k.converted(0, x, plain(compute(d), x.dims()));
    const Operand to = k.output(Layout(from.desc));
    if (same) k.in_place = 0;
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        const int64_t n = elements(to.desc);
        k.loop({from, to}, [n](Pointers p) {
            parallel(n, plane, [&](int64_t b, int64_t e) { rectify_range((const T *)p[0] + b, (T *)p[1] + b, e - b); });
        });
    });
}

// Inputs y, dy; output dx, in the format of y.
void relu_grad(Kernel &k, const duet_device &d, const Layout &y, const Layout &dy) {
    const bool same = y.type() == compute(d);
    const Operand mask = same ? k.input(0, y) : k.converted(0, y, plain(compute(d), y.dims()));
    const Operand from = k.converted(1, dy, mask.desc), to = k.output(Layout(mask.desc));
    if (from.space == Operand::input) k.in_place = 1;
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        const int64_t n = elements(to.desc);
        k.loop({mask, from, to}, [n](Pointers p) {
            parallel(n, plane, [&](int64_t b, int64_t e) { gate_range((const T *)p[0] + b, (const T *)p[1] + b, (T *)p[2] + b, e - b); });
        });
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_relu(duet_device d, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { relu(k, d, *in[0]); });
}

duet_kernel *duet_relu_grad(duet_device d, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { relu_grad(k, d, *in[0], *in[1]); });
}
