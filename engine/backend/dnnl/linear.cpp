//go:build dnnl

// linear.cpp: fully connected layers and their gradients, oneDNN inner products; formulas in engine/op/linear.go.
//
// Activations are plain [batch, features]: an inner product of blocked images would take a slow path.
#include "guard.hpp"
#include "kernel.hpp"

namespace duet {

namespace {

using dnnl::inner_product_backward_data;
using dnnl::inner_product_backward_weights;
using dnnl::inner_product_forward;

// Product is the shapes of a layer of I inputs and O outputs and the three primitives of it.
struct Product {
    Product(const duet_device &d, bool relu, int64_t batch, const Dims &w)
        : type(compute(d)), relu(relu), w(w), x(plain(type, {batch, w[1]})), y(plain(type, {batch, w[0]})),
          bias(plain(Type::f32, {w[0]})) {}

    Desc weights() const { return any(type, w); }

    // forward writes fp32 without a rectifier: what follows is a softmax.
    inner_product_forward::primitive_desc forward(const Desc &weights) const {
        primitive_attr attr = Kernel::attributes();
        if (relu) rectify(attr);
        const Desc out = relu ? y : plain(Type::f32, dims_of(y));
        return forward_primitive<inner_product_forward>(attr, prop_kind::forward_training, x, weights, bias, out);
    }

    // hint is what gradients are described against.
    inner_product_forward::primitive_desc hint() const {
        return forward_primitive<inner_product_forward>(Kernel::attributes(), prop_kind::forward_training, x, weights(),
                                                        bias, y);
    }

    inner_product_backward_data::primitive_desc grad_input(const Desc &weights) const {
        return backward_primitive<inner_product_backward_data>(Kernel::attributes(), hint(), x, weights, y);
    }

    inner_product_backward_weights::primitive_desc grad_weight(const Desc &weights) const {
        return backward_primitive<inner_product_backward_weights>(Kernel::attributes(), hint(), x, weights, bias, y);
    }

    // update is grad_weight with the gradient, and so the master, in the forward format in fp32. In bf16 the format
    // stays free: oneDNN has nothing fast for any other.
    inner_product_backward_weights::primitive_desc update() const {
        auto free = grad_weight(any(Type::f32, w));
        const Desc wanted = forward(weights()).weights_desc();
        if (type != Type::f32 || free.diff_weights_desc() == wanted) return free;
        return Kernel::attempt([&] { return grad_weight(wanted); }).value_or(free);
    }

    // backward is the format of weights for grad_input: the forward one in fp32 where oneDNN does that well.
    Desc backward() const {
        const Desc wanted = forward(weights()).weights_desc();
        if (type == Type::f32 && Kernel::attempt([&] { return grad_input(wanted); })) return wanted;
        return grad_input(weights()).weights_desc();
    }

    Type type;
    bool relu;
    Dims w;
    Desc x, y, bias;
};

} // namespace

Layout linear_weight(const duet_device &d, int64_t batch, const Dims &w, int uses) {
    const Product product(d, false, batch, w);
    std::vector<Desc> wanted;
    if (uses & DUET_FORWARD) wanted.push_back(product.forward(product.weights()).weights_desc());
    if (uses & DUET_BACKWARD) wanted.push_back(product.backward());
    if (uses & DUET_UPDATE) return Layout(product.update().diff_weights_desc(), wanted);
    return product.type == Type::f32 ? Layout(wanted.at(0), wanted) : Layout(plain(Type::f32, w), wanted);
}

// Inputs x, w, b; output y.
void linear(Kernel &k, const duet_device &d, bool relu, const Layout &x, const Layout &w, const Layout &b) {
    const Product product(d, relu, x.dims()[0], w.dims());
    auto [pd, weights] = k.fit(1, w, product.weights(), [&](const Desc &f) { return product.forward(f); });
    const Operand src = k.converted(0, x, product.x), bias = k.converted(2, b, product.bias);
    const Operand dst = k.output(Layout(pd.dst_desc()));
    k.run<inner_product_forward>(
        pd, {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, dst}});
}

// Inputs w, dz; output dx.
void linear_grad_input(Kernel &k, const duet_device &d, const Layout &w, const Layout &dz) {
    const Product product(d, false, dz.dims()[0], w.dims());
    auto [pd, weights] = k.fit(0, w, product.weights(), [&](const Desc &f) { return product.grad_input(f); });
    const Operand diff = k.converted(1, dz, product.y);
    const Operand dx = k.output(Layout(product.x));
    k.run<inner_product_backward_data>(
        pd, {{DNNL_ARG_DIFF_DST, diff}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_SRC, dx}});
}

// Inputs x, dz; outputs dw and, on demand, db.
void linear_grad_weight(Kernel &k, const duet_device &d, bool with_bias, const Layout &x, const Layout &dz) {
    const Product product(d, false, x.dims()[0], {dz.dims()[1], x.dims()[1]});
    const auto pd = product.update();
    const Operand src = k.converted(0, x, product.x), diff = k.converted(1, dz, product.y);
    const Operand dw = k.output(Layout(pd.diff_weights_desc()));
    const Operand db = with_bias ? k.output(Layout(product.bias)) : k.temporary(product.bias);
    k.run<inner_product_backward_weights>(
        pd, {{DNNL_ARG_SRC, src}, {DNNL_ARG_DIFF_DST, diff}, {DNNL_ARG_DIFF_WEIGHTS, dw}, {DNNL_ARG_DIFF_BIAS, db}});
}

} // namespace duet

using namespace duet;

duet_layout *duet_linear_weight(duet_device d, int64_t batch, const int64_t w[2], int uses, char **error) {
    return guarded<duet_layout>(d, error, [&] { return linear_weight(d, batch, Dims(w, w + 2), uses); });
}

duet_kernel *duet_linear(duet_device d, int relu, const duet_layout *in[3], char **error) {
    return prepared(d, error, [&](Kernel &k) { linear(k, d, relu != 0, *in[0], *in[1], *in[2]); });
}

duet_kernel *duet_linear_grad_input(duet_device d, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { linear_grad_input(k, d, *in[0], *in[1]); });
}

duet_kernel *duet_linear_grad_weight(duet_device d, int bias, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { linear_grad_weight(k, d, bias != 0, *in[0], *in[1]); });
}
