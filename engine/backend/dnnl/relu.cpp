//go:build dnnl

// relu.cpp: the rectifier where it is not the end of a convolution or of a layer, and its gradient; formulas in
// engine/op/relu.go. Elementwise, in whatever format the input has.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

namespace {

INLINE bool positive(float v) { return v > 0; }
INLINE bool positive(bf16 v) { return uint16_t(v.bits - 1) < 0x7f80; } // up to infinity; not 0, NaN or negative
INLINE float pass(float v, bool on) { return on ? v : 0.f; }
INLINE bf16 pass(bf16 v, bool on) { return {on ? v.bits : uint16_t(0)}; }

} // namespace

// Input x; output y.
void relu(Kernel &k, const duet_device &d, const Layout &x) {
    const Operand from = as_type(k, 0, x, compute(d)), to = k.output(Layout(from.desc));
    if (x.type() == compute(d)) k.in_place = 0;
    const auto rectify = [](auto *y, const auto *x) { store(y, load(x) > 0 ? load(x) : 0.f); };
    elementwise(k, rectify, to, from);
}

// Inputs y, dy; output dx, in the format of y.
void relu_grad(Kernel &k, const duet_device &d, const Layout &y, const Layout &dy) {
    const Operand mask = as_type(k, 0, y, compute(d));
    const Operand from = k.converted(1, dy, mask.desc), to = k.output(Layout(mask.desc));
    if (from.space == Operand::input) k.in_place = 1;
    const auto gate = [](auto *dx, const auto *y, const auto *dy) { *dx = pass(*dy, positive(*y)); };
    elementwise(k, gate, to, mask, from);
}

} // namespace duet

using namespace duet;

duet_kernel *duet_relu(duet_device d, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { relu(k, d, *in[0]); });
}

duet_kernel *duet_relu_grad(duet_device d, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { relu_grad(k, d, *in[0], *in[1]); });
}
