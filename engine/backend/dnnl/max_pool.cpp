//go:build dnnl

// max_pool.cpp: max pooling and its gradient; formulas in engine/op/max_pool.go. A NaN in a window wins.
//
// The forward pass is a loop of our own, as fast as oneDNN's, which passes over NaN. The places of the maxima lie as in
// oneDNN's workspace; so its gradient can use them where it is fast. Our own gathers: each place of dx adds the windows
// that it won, in a fixed order.
#include "guard.hpp"
#include "pool.hpp"

#include <limits>

namespace duet {

namespace {

// pool_tile finds the maxima of windows js of row i of a plane, for the channels of n lanes. The inner loop runs over
// lanes, so that they share vectors; best and place stay in the first cache.
template <int64_t n, class T> INLINE void pool_tile(const Pool &p, const T *x, int64_t i, Span js, T *y, uint8_t *at) {
    float best[tile * n];
    int32_t place[tile * n];
    const int64_t u0 = i * p.stride - p.pad;
    const Span rows = inside(p, u0, p.h);
    for (int64_t j = js.begin; j < js.end; j++) {
        const int64_t first = (rows.begin - u0) * p.kernel + std::max<int64_t>(p.pad - j * p.stride, 0);
        for (int64_t l = 0; l < n; l++) best[(j - js.begin) * n + l] = -std::numeric_limits<float>::infinity();
        for (int64_t l = 0; l < n; l++) place[(j - js.begin) * n + l] = int32_t(first);
    }
    for (int64_t h = rows.begin; h < rows.end; h++) {
        for (int64_t v = 0; v < p.kernel; v++) {
            const Span hit = hitting(p, v, {0, p.w}, js);
            const int32_t here = int32_t((h - u0) * p.kernel + v);
            for (int64_t j = hit.begin; j < hit.end; j++) {
                const T *from = x + (h * p.w + j * p.stride + v - p.pad) * p.block;
                float *b = best + (j - js.begin) * n;
                int32_t *q = place + (j - js.begin) * n;
#pragma omp simd
                for (int64_t l = 0; l < n; l++) {
                    const float value = load(from + l);
                    const bool wins = !(value <= b[l]) & (b[l] == b[l]);
                    b[l] = wins ? value : b[l];
                    q[l] = wins ? here : q[l];
                }
            }
        }
    }
    for (int64_t j = 0; j < js.end - js.begin; j++) {
        for (int64_t l = 0; l < n; l++) store(y + j * p.block + l, best[j * n + l]);
        if (at)
            for (int64_t l = 0; l < n; l++) at[j * p.block + l] = uint8_t(place[j * n + l]);
    }
}

// pool_rows does rows begin to end of the outputs of all planes.
template <class T> INLINE void pool_rows(Pool p, const T *x, T *y, uint8_t *at, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const T *in = x + row / p.oh * p.h * p.w * p.block;
        for (int64_t j = 0; j < p.ow; j += tile) {
            const Span js = {j, std::min(j + tile, p.ow)};
            const int64_t out = (row * p.ow + j) * p.block;
            int64_t c = 0;
            for (; c + lanes <= p.block; c += lanes)
                pool_tile<lanes>(p, in + c, row % p.oh, js, y + out + c, at ? at + out + c : nullptr);
            for (; c < p.block; c++) pool_tile<1>(p, in + c, row % p.oh, js, y + out + c, at ? at + out + c : nullptr);
        }
    }
}

// grad_tile adds up what places ws of row h of a plane won, for the channels of n lanes.
template <int64_t n, class T>
INLINE void grad_tile(const Pool &p, const uint8_t *at, const T *dy, int64_t h, Span ws, T *dx) {
    float sum[tile * n];
    for (int64_t l = 0; l < (ws.end - ws.begin) * n; l++) sum[l] = 0;
    const Span rows = covering(p, h, p.oh);
    for (int64_t i = rows.begin; i < rows.end; i++) {
        for (int64_t v = 0; v < p.kernel; v++) {
            const Span hit = hitting(p, v, ws, {0, p.ow});
            const int32_t here = int32_t((h + p.pad - i * p.stride) * p.kernel + v);
            for (int64_t j = hit.begin; j < hit.end; j++) {
                const int64_t from = (i * p.ow + j) * p.block;
                float *s = sum + (j * p.stride + v - p.pad - ws.begin) * n;
#pragma omp simd
                for (int64_t l = 0; l < n; l++) {
                    const float value = load(dy + from + l);
                    s[l] += int32_t(at[from + l]) == here ? value : 0.f;
                }
            }
        }
    }
    for (int64_t w = 0; w < ws.end - ws.begin; w++)
        for (int64_t l = 0; l < n; l++) store(dx + w * p.block + l, sum[w * n + l]);
}

// grad_rows does rows begin to end of the inputs of all planes.
template <class T> INLINE void grad_rows(Pool p, const uint8_t *at, const T *dy, T *dx, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const int64_t out = row / p.h * p.oh * p.ow * p.block;
        for (int64_t w = 0; w < p.w; w += tile) {
            const Span ws = {w, std::min(w + tile, p.w)};
            T *to = dx + (row * p.w + w) * p.block;
            int64_t c = 0;
            for (; c + lanes <= p.block; c += lanes)
                grad_tile<lanes>(p, at + out + c, dy + out + c, row % p.h, ws, to + c);
            for (; c < p.block; c++) grad_tile<1>(p, at + out + c, dy + out + c, row % p.h, ws, to + c);
        }
    }
}

// gradient describes oneDNN's gradient for dy and argmax in the format of out, or nothing when it has no fast one.
std::optional<dnnl::pooling_backward::primitive_desc> gradient(const duet_pooling &a, const Images &out, const Desc &dx,
                                                               const Desc &dy) {
    // Where rounding up makes windows hang out, the padding on the right is larger.
    const auto right = [&](int64_t in, int64_t windows) {
        return std::max<int64_t>(0, (windows - 1) * a.stride + a.kernel - in - a.pad);
    };
    const Places places{{a.kernel, a.kernel},
                        {a.stride, a.stride},
                        {a.pad, a.pad},
                        {right(a.height, out.height), right(a.width, out.width)}};
    return Kernel::attempt([&] {
        const auto forward = max_pool_primitive(Kernel::attributes(), dx, dy, places);
        if (forward.workspace_desc() != out.desc) throw std::invalid_argument("another format of argmax");
        return max_pool_gradient(Kernel::attributes(), forward, dx, dy, places);
    });
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
            parallel(planes * p.oh, 1,
                     [&](int64_t b, int64_t e) { pool_rows(p, (const T *)q[0], (T *)q[1], at, b, e); });
        });
    });
}

// Inputs argmax, dy; output dx, in the format of argmax.
void max_pool_grad(Kernel &k, const duet_device &d, const duet_pooling &a, const Layout &argmax, const Layout &dy) {
    const Images out = as_images(argmax.desc());
    const Operand at = k.converted(0, argmax, out.desc),
                  from = k.converted(1, dy, Desc(dy.dims(), compute(d), out.tag));
    const Operand to = k.output(Layout(Desc({out.batch, out.channels, a.height, a.width}, compute(d), out.tag)));
    if (const auto pd = gradient(a, out, to.desc, from.desc)) {
        k.run<dnnl::pooling_backward>(*pd,
                                      {{DNNL_ARG_DIFF_DST, from}, {DNNL_ARG_WORKSPACE, at}, {DNNL_ARG_DIFF_SRC, to}});
        return;
    }
    const Pool p{a.kernel, a.stride, a.pad, a.height, a.width, out.height, out.width, out.block};
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({at, from, to}, [=, planes = out.outer](Pointers q) {
            parallel(planes * p.h, 1, [&](int64_t b, int64_t e) {
                grad_rows(p, (const uint8_t *)q[0], (const T *)q[1], (T *)q[2], b, e);
            });
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
