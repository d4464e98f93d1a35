//go:build dnnl

// tanh.cpp: the hyperbolic tangent and its gradient; formulas in engine/op/tanh.go. Elementwise, in whatever format the
// input has.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

// Input x; output y.
void tanh(Kernel &k, const duet_device &d, const Layout &x) {
    const Operand from = as_type(k, 0, x, compute(d)), to = k.output(Layout(from.desc));
    if (x.type() == compute(d)) k.in_place = 0;
    k.run<dnnl::eltwise_forward>(tanh_primitive(Kernel::attributes(), from.desc),
                                 {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
}

// Inputs y, dy; output dx, in the format of y.
void tanh_grad(Kernel &k, const duet_device &d, const Layout &y, const Layout &dy) {
    const Operand of = as_type(k, 0, y, compute(d));
    const Operand from = k.converted(1, dy, of.desc), to = k.output(Layout(of.desc));
    if (from.space == Operand::input) k.in_place = 1;
    const auto gradient = [](auto *dx, const auto *y, const auto *dy) {
        store(dx, load(dy) * (1.f - load(y)) * (1.f + load(y)));
    };
    elementwise(k, gradient, to, of, from);
}

} // namespace duet

using namespace duet;

duet_kernel *duet_tanh(duet_device d, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { tanh(k, d, *in[0]); });
}

duet_kernel *duet_tanh_grad(duet_device d, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { tanh_grad(k, d, *in[0], *in[1]); });
}
