//go:build dnnl

// flatten.cpp: images to rows of features and back; engine/op/flatten.go.
#include "guard.hpp"
#include "kernel.hpp"

namespace duet {

// Input x [batch, C, H, W]; output y [batch, C*H*W].
void flatten(Kernel &k, const duet_device &d, const Layout &x) {
    const Dims n = x.dims();
    const Desc rows = plain(compute(d), n);
    const Operand from = k.input(0, x);
    Operand to = k.output(Layout(plain(compute(d), {n[0], n[1] * n[2] * n[3]})));
    to.desc = rows;
    k.reorder(from, to);
}

// Input x [batch, C*H*W]; output y [batch, C, H, W], in blocks of channels when they come out even.
void unflatten(Kernel &k, const duet_device &d, int64_t c, int64_t h, int64_t w, const Layout &x) {
    const Dims n = {x.dims()[0], c, h, w};
    Operand from = k.converted(0, x, plain(x.type(), x.dims()));
    from.desc = plain(x.type(), n);
    const Operand to = k.output(Layout(Desc(n, compute(d), c % 16 == 0 ? Tag::nChw16c : Tag::nchw)));
    k.reorder(from, to);
}

// Input x; output y: a copy, for another device to have.
void send(Kernel &k, const Layout &x) {
    const Operand from = k.input(0, x), to = k.output(x);
    k.in_place = 0;
    const size_t bytes = x.bytes;
    k.loop({from, to}, [bytes](Pointers p) {
        if (p[0] != p[1]) std::memcpy(p[1], p[0], bytes);
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_flatten(duet_device d, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { flatten(k, d, *in[0]); });
}

duet_kernel *duet_unflatten(duet_device d, int64_t c, int64_t h, int64_t w, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { unflatten(k, d, c, h, w, *in[0]); });
}

duet_kernel *duet_send(duet_device d, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { send(k, *in[0]); });
}
