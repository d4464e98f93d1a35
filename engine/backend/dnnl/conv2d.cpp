//go:build dnnl

// conv2d.cpp: convolution and its gradients, oneDNN primitives; formulas in engine/op/conv2d.go.
#include "guard.hpp"
#include "kernel.hpp"

namespace duet {

namespace {

using dnnl::convolution_backward_data;
using dnnl::convolution_backward_weights;
using dnnl::convolution_forward;
constexpr auto direct = algorithm::convolution_direct;

// Convolution is the shapes of a convolution and the three primitives of it, with formats free unless given.
struct Convolution {
    Convolution(const duet_device &d, const duet_convolution &c, Dims x, Dims w)
        : type(compute(d)), relu(c.relu), x(x), w(w) {
        outputs = w.size() == 5 ? w[0] * w[1] : w[0];
        y = {x[0], outputs, (x[2] + 2 * c.pad - c.kernel) / c.stride + 1, (x[3] + 2 * c.pad - c.kernel) / c.stride + 1};
        stride = {c.stride, c.stride};
        pad = {c.pad, c.pad};
    }

    Desc bias() const { return plain(Type::f32, {outputs}); }
    Desc weights() const { return any(type, w); }

    convolution_forward::primitive_desc forward(const Desc &weights) const {
        primitive_attr attr = Kernel::attributes();
        if (relu) rectify(attr);
        return forward_primitive<convolution_forward>(attr, prop_kind::forward_training, direct, any(type, x), weights,
                                                      bias(), any(type, y), stride, pad, pad);
    }
    convolution_forward::primitive_desc forward() const { return forward(weights()); }

    convolution_backward_data::primitive_desc grad_input(const Desc &weights) const {
        return backward_primitive<convolution_backward_data>(Kernel::attributes(), forward(), direct, any(type, x),
                                                             weights, any(type, y), stride, pad, pad);
    }

    convolution_backward_weights::primitive_desc grad_weight(const Desc &weights) const {
        return backward_primitive<convolution_backward_weights>(Kernel::attributes(), forward(), direct, any(type, x),
                                                                weights, bias(), any(type, y), stride, pad, pad);
    }

    // update is grad_weight with the gradient, and so the master, in the forward format where oneDNN does that well.
    convolution_backward_weights::primitive_desc update() const {
        auto free = grad_weight(any(Type::f32, w));
        const Desc wanted = forward().weights_desc();
        if (type != Type::f32 || free.diff_weights_desc() == wanted) return free;
        return Kernel::attempt([&] { return grad_weight(wanted); }).value_or(free);
    }

    Type type;
    bool relu;
    int64_t outputs;
    Dims x, w, y, stride, pad;
};

// grouped is the shape of weights [O, C/groups, K, K] as oneDNN wants it.
Dims grouped(const duet_convolution &c, int64_t outputs, int64_t inputs) {
    if (c.groups == 1) return {outputs, inputs, c.kernel, c.kernel};
    return {c.groups, outputs / c.groups, inputs / c.groups, c.kernel, c.kernel};
}

// weights_of is a weight's layout in that shape: a plain one may still be of four axes.
Layout weights_of(const duet_convolution &c, const Layout &w) {
    const Dims n = w.dims();
    return n.size() == 4 ? w.reshaped(grouped(c, n[0], n[1] * c.groups)) : w;
}

} // namespace

Layout conv2d_weight(const duet_device &d, const duet_convolution &c, const Dims &x, const Dims &w, int uses) {
    const Convolution conv(d, c, x, grouped(c, w[0], x[1]));
    std::vector<Desc> wanted;
    if (uses & DUET_FORWARD) wanted.push_back(conv.forward().weights_desc());
    if (uses & DUET_BACKWARD) wanted.push_back(conv.grad_input(conv.weights()).weights_desc());
    if (uses & DUET_UPDATE) return Layout(conv.update().diff_weights_desc(), wanted);
    return conv.type == Type::f32 ? Layout(wanted.at(0), wanted) : Layout(plain(Type::f32, conv.w), wanted);
}

// Inputs x, w, b; output y.
void conv2d(Kernel &k, const duet_device &d, const duet_convolution &c, const Layout &x, const Layout &weight,
            const Layout &b) {
    const Layout w = weights_of(c, weight);
    const Convolution conv(d, c, x.dims(), w.dims());
    auto [pd, weights] = k.fit(1, w, conv.weights(), [&](const Desc &f) { return conv.forward(f); });
    const Operand src = k.converted(0, x, pd.src_desc()), bias = k.converted(2, b, conv.bias());
    const Operand dst = k.output(Layout(pd.dst_desc()));
    k.run<convolution_forward>(
        pd, {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, dst}});
}

// Inputs w, dz; output dx of extents h and wd.
void conv2d_grad_input(Kernel &k, const duet_device &d, const duet_convolution &c, int64_t h, int64_t wd,
                       const Layout &weight, const Layout &dz) {
    const Layout w = weights_of(c, weight);
    const int64_t per_group = w.dims().size() == 5 ? w.dims()[2] : w.dims()[1];
    const Convolution conv(d, c, {dz.dims()[0], per_group * c.groups, h, wd}, w.dims());
    auto [pd, weights] = k.fit(0, w, conv.weights(), [&](const Desc &f) { return conv.grad_input(f); });
    const Operand diff = k.converted(1, dz, pd.diff_dst_desc());
    const Operand dx = k.output(Layout(pd.diff_src_desc()));
    k.run<convolution_backward_data>(pd,
                                     {{DNNL_ARG_DIFF_DST, diff}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_SRC, dx}});
}

// Inputs x, dz; outputs dw and, on demand, db.
void conv2d_grad_weight(Kernel &k, const duet_device &d, const duet_convolution &c, bool with_bias, const Layout &x,
                        const Layout &dz) {
    const Convolution conv(d, c, x.dims(), grouped(c, dz.dims()[1], x.dims()[1]));
    const auto pd = conv.update();
    const Operand src = k.converted(0, x, pd.src_desc()), diff = k.converted(1, dz, pd.diff_dst_desc());
    const Operand dw = k.output(Layout(pd.diff_weights_desc()));
    const Operand db = with_bias ? k.output(Layout(conv.bias())) : k.temporary(conv.bias());
    k.run<convolution_backward_weights>(
        pd, {{DNNL_ARG_SRC, src}, {DNNL_ARG_DIFF_DST, diff}, {DNNL_ARG_DIFF_WEIGHTS, dw}, {DNNL_ARG_DIFF_BIAS, db}});
}

} // namespace duet

using namespace duet;

duet_layout *duet_conv2d_weight(duet_device d, duet_convolution c, const int64_t x[4], const int64_t w[4], int uses,
                                char **error) {
    return guarded<duet_layout>(d, error, [&] { return conv2d_weight(d, c, Dims(x, x + 4), Dims(w, w + 4), uses); });
}

duet_kernel *duet_conv2d(duet_device d, duet_convolution c, const duet_layout *in[3], char **error) {
    return prepared(d, error, [&](Kernel &k) { conv2d(k, d, c, *in[0], *in[1], *in[2]); });
}

duet_kernel *duet_conv2d_grad_input(duet_device d, duet_convolution c, int64_t h, int64_t w, const duet_layout *in[2],
                                    char **error) {
    return prepared(d, error, [&](Kernel &k) { conv2d_grad_input(k, d, c, h, w, *in[0], *in[1]); });
}

duet_kernel *duet_conv2d_grad_weight(duet_device d, duet_convolution c, int bias, const duet_layout *in[2],
                                     char **error) {
    return prepared(d, error, [&](Kernel &k) { conv2d_grad_weight(k, d, c, bias != 0, *in[0], *in[1]); });
}
