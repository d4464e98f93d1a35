//go:build dnnl

// max_pool.cpp: max pooling and its gradient; formulas in engine/op/max_pool.go. A NaN in a window wins.
//
// Our own loops rather than oneDNN's: padding, rounding up and NaN are exactly those of the formula in every version,
// and the places of the maxima are plain bytes. The gradient gathers: each place of dx adds the windows that it won, in
// a fixed order, and is written once.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

namespace {

constexpr int64_t lanes = 16; // channels that are worked on together

// Pool is a pooling of planes of H x W places to planes of OH x OW.
struct Pool {
    int64_t kernel, stride, pad, h, w, oh, ow, block;
};

// Span is a range of places or of windows.
struct Span {
    int64_t begin, end;
};

// inside is the part of window i that is inside an extent of n.
INLINE Span inside(const Pool &p, int64_t i, int64_t n) {
    const int64_t start = i * p.stride - p.pad;
    return {std::max<int64_t>(start, 0), std::min(start + p.kernel, n)};
}

// covering are the windows of n that place h is in.
INLINE Span covering(const Pool &p, int64_t h, int64_t n) {
    const int64_t first = h + p.pad - p.kernel + 1;
    return {first <= 0 ? 0 : (first + p.stride - 1) / p.stride, std::min((h + p.pad) / p.stride + 1, n)};
}

// maximum finds the maxima of one window, x being its plane, for n <= lanes channels.
template <class T> INLINE void maximum(const Pool &p, const T *x, Span rows, Span cols, int64_t u0, int64_t v0, T *y, uint8_t *at, int64_t n) {
    float best[lanes];
    int32_t place[lanes];
    for (int64_t l = 0; l < n; l++) {
        best[l] = load(x + (rows.begin * p.w + cols.begin) * p.block + l);
        place[l] = int32_t((rows.begin - u0) * p.kernel + cols.begin - v0);
    }
    for (int64_t h = rows.begin; h < rows.end; h++) {
        for (int64_t w = cols.begin; w < cols.end; w++) {
            const T *from = x + (h * p.w + w) * p.block;
            const int32_t here = int32_t((h - u0) * p.kernel + w - v0);
            for (int64_t l = 0; l < n; l++) {
                const float v = load(from + l);
                const bool wins = (v > best[l]) | ((v != v) & (best[l] == best[l]));
                best[l] = wins ? v : best[l];
                place[l] = wins ? here : place[l];
            }
        }
    }
    for (int64_t l = 0; l < n; l++) store(y + l, best[l]);
    if (at)
        for (int64_t l = 0; l < n; l++) at[l] = uint8_t(place[l]);
}

// pool_rows does rows begin to end of the outputs of all planes.
template <class T> VECTORISED void pool_rows(Pool p, const T *x, T *y, uint8_t *at, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const T *in = x + row / p.oh * p.h * p.w * p.block;
        const int64_t i = row % p.oh, u0 = i * p.stride - p.pad;
        const Span rows = inside(p, i, p.h);
        for (int64_t j = 0; j < p.ow; j++) {
            const Span cols = inside(p, j, p.w);
            const int64_t v0 = j * p.stride - p.pad, out = (row * p.ow + j) * p.block;
            for (int64_t c = 0; c < p.block; c += lanes) {
                uint8_t *places = at ? at + out + c : nullptr;
                if (p.block - c >= lanes)
                    maximum(p, in + c, rows, cols, u0, v0, y + out + c, places, lanes);
                else
                    maximum(p, in + c, rows, cols, u0, v0, y + out + c, places, p.block - c);
            }
        }
    }
}

// gather adds up what one place of the input won, for n <= lanes channels.
template <class T>
INLINE void gather(const Pool &p, const uint8_t *at, const T *dy, Span rows, Span cols, int64_t h, int64_t w, T *dx, int64_t n) {
    float sum[lanes];
    for (int64_t l = 0; l < n; l++) sum[l] = 0;
    for (int64_t i = rows.begin; i < rows.end; i++) {
        for (int64_t j = cols.begin; j < cols.end; j++) {
            const int64_t from = (i * p.ow + j) * p.block;
            const int32_t here = int32_t((h + p.pad - i * p.stride) * p.kernel + w + p.pad - j * p.stride);
            for (int64_t l = 0; l < n; l++) sum[l] += at[from + l] == here ? load(dy + from + l) : 0.f;
        }
    }
    for (int64_t l = 0; l < n; l++) store(dx + l, sum[l]);
}

// grad_rows does rows begin to end of the inputs of all planes.
template <class T> VECTORISED void grad_rows(Pool p, const uint8_t *at, const T *dy, T *dx, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const int64_t h = row % p.h, out = row / p.h * p.oh * p.ow * p.block;
        const Span rows = covering(p, h, p.oh);
        for (int64_t w = 0; w < p.w; w++) {
            const Span cols = covering(p, w, p.ow);
            T *to = dx + (row * p.w + w) * p.block;
            for (int64_t c = 0; c < p.block; c += lanes) {
                if (p.block - c >= lanes)
                    gather(p, at + out + c, dy + out + c, rows, cols, h, w, to + c, lanes);
                else
                    gather(p, at + out + c, dy + out + c, rows, cols, h, w, to + c, p.block - c);
            }
        }
    }
}

} // namespace

// Input x; outputs y and, on demand, argmax.
void max_pool(Kernel &k, const duet_device &d, const duet_pooling &a, bool argmax, const Layout &x) {
    const Images in = as_images(Desc(x.desc()));
    const Operand from = k.converted(0, x, Desc(x.dims(), compute(d), in.tag));
    const Dims n = {in.batch, in.channels, a.height, a.width};
    const Operand to = k.output(Layout(Desc(n, compute(d), in.tag)));
    std::vector<Operand> operands = {from, to};
    if (argmax) operands.push_back(k.output(Layout(Desc(n, Type::u8, in.tag))));
    const Pool p{a.kernel, a.stride, a.pad, in.height, in.width, a.height, a.width, in.block};
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop(operands, [=, planes = in.outer](Pointers q) {
            auto *at = argmax ? (uint8_t *)q[2] : nullptr;
            parallel(planes * p.oh, 1, [&](int64_t b, int64_t e) { pool_rows(p, (const T *)q[0], (T *)q[1], at, b, e); });
        });
    });
}

// Inputs argmax, dy; output dx, in the format of argmax.
void max_pool_grad(Kernel &k, const duet_device &d, const duet_pooling &a, const Layout &argmax, const Layout &dy) {
    const Images out = as_images(argmax.desc());
    const Operand at = k.converted(0, argmax, out.desc), from = k.converted(1, dy, Desc(dy.dims(), compute(d), out.tag));
    const Operand to = k.output(Layout(Desc({out.batch, out.channels, a.height, a.width}, compute(d), out.tag)));
    const Pool p{a.kernel, a.stride, a.pad, a.height, a.width, out.height, out.width, out.block};
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({at, from, to}, [=, planes = out.outer](Pointers q) {
            parallel(planes * p.h, 1, [&](int64_t b, int64_t e) { grad_rows(p, (const uint8_t *)q[0], (const T *)q[1], (T *)q[2], b, e); });
        });
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_max_pool(duet_device d, duet_pooling p, int argmax, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { max_pool(k, d, p, argmax != 0, *in[0]); });
}

duet_kernel *duet_max_pool_grad(duet_device d, duet_pooling p, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { max_pool_grad(k, d, p, *in[0], *in[1]); });
}
