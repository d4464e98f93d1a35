//go:build dnnl

// avg_pool.cpp: average pooling and its gradient; formulas in engine/op/avg_pool.go.
//
// Loops of our own, as those of max_pool.cpp: where the padding counts, oneDNN divides by a whole window always, and a
// window that reaches beyond the padding has fewer places. The gradient gathers: each place of dx adds its parts of the
// windows that hold it, in a fixed order.
#include "guard.hpp"
#include "pool.hpp"

namespace duet {

namespace {

// Average is a pooling, with whether the places of the padding count.
struct Average {
    Pool pool;
    bool padded;

    // cells is how many places of window i count, along an axis of extent n.
    INLINE int64_t cells(int64_t i, int64_t n) const {
        const int64_t first = i * pool.stride - pool.pad;
        if (padded) return std::min(first + pool.kernel, n + pool.pad) - first;
        const Span s = inside(pool, first, n);
        return s.end - s.begin;
    }
};

// average_tile makes windows js of row i of a plane, for the channels of n lanes.
template <int64_t n, class T> INLINE void average_tile(const Average &a, const T *x, int64_t i, Span js, T *y) {
    const Pool &p = a.pool;
    float sum[tile * n];
    for (int64_t l = 0; l < (js.end - js.begin) * n; l++) sum[l] = 0;
    const Span rows = inside(p, i * p.stride - p.pad, p.h);
    for (int64_t h = rows.begin; h < rows.end; h++) {
        for (int64_t v = 0; v < p.kernel; v++) {
            const Span hit = hitting(p, v, {0, p.w}, js);
            for (int64_t j = hit.begin; j < hit.end; j++) {
                const T *from = x + (h * p.w + j * p.stride + v - p.pad) * p.block;
                float *s = sum + (j - js.begin) * n;
#pragma omp simd
                for (int64_t l = 0; l < n; l++) s[l] += load(from + l);
            }
        }
    }
    for (int64_t j = js.begin; j < js.end; j++) {
        const float divisor = float(a.cells(i, p.h) * a.cells(j, p.w));
        for (int64_t l = 0; l < n; l++) store(y + (j - js.begin) * p.block + l, sum[(j - js.begin) * n + l] / divisor);
    }
}

// average_rows does rows begin to end of the outputs of all planes.
template <class T> INLINE void average_rows(const Average &a, const T *x, T *y, int64_t begin, int64_t end) {
    const Pool &p = a.pool;
    for (int64_t row = begin; row < end; row++) {
        const T *in = x + row / p.oh * p.h * p.w * p.block;
        for (int64_t j = 0; j < p.ow; j += tile) {
            const Span js = {j, std::min(j + tile, p.ow)};
            T *to = y + (row * p.ow + j) * p.block;
            int64_t c = 0;
            for (; c + lanes <= p.block; c += lanes) average_tile<lanes>(a, in + c, row % p.oh, js, to + c);
            for (; c < p.block; c++) average_tile<1>(a, in + c, row % p.oh, js, to + c);
        }
    }
}

// share_tile adds up the parts of places ws of row h of a plane, for the channels of n lanes.
template <int64_t n, class T> INLINE void share_tile(const Average &a, const T *dy, int64_t h, Span ws, T *dx) {
    const Pool &p = a.pool;
    float sum[tile * n];
    for (int64_t l = 0; l < (ws.end - ws.begin) * n; l++) sum[l] = 0;
    const Span rows = covering(p, h, p.oh);
    for (int64_t i = rows.begin; i < rows.end; i++) {
        for (int64_t v = 0; v < p.kernel; v++) {
            const Span hit = hitting(p, v, ws, {0, p.ow});
            for (int64_t j = hit.begin; j < hit.end; j++) {
                const float share = 1.f / float(a.cells(i, p.h) * a.cells(j, p.w));
                const T *from = dy + (i * p.ow + j) * p.block;
                float *s = sum + (j * p.stride + v - p.pad - ws.begin) * n;
#pragma omp simd
                for (int64_t l = 0; l < n; l++) s[l] += load(from + l) * share;
            }
        }
    }
    for (int64_t w = 0; w < ws.end - ws.begin; w++)
        for (int64_t l = 0; l < n; l++) store(dx + w * p.block + l, sum[w * n + l]);
}

// share_rows does rows begin to end of the inputs of all planes.
template <class T> INLINE void share_rows(const Average &a, const T *dy, T *dx, int64_t begin, int64_t end) {
    const Pool &p = a.pool;
    for (int64_t row = begin; row < end; row++) {
        const T *from = dy + row / p.h * p.oh * p.ow * p.block;
        for (int64_t w = 0; w < p.w; w += tile) {
            const Span ws = {w, std::min(w + tile, p.w)};
            T *to = dx + (row * p.w + w) * p.block;
            int64_t c = 0;
            for (; c + lanes <= p.block; c += lanes) share_tile<lanes>(a, from + c, row % p.h, ws, to + c);
            for (; c < p.block; c++) share_tile<1>(a, from + c, row % p.h, ws, to + c);
        }
    }
}

} // namespace

// Input x; output y.
void avg_pool(Kernel &k, const duet_device &d, const duet_pooling &a, bool padded, const Layout &x) {
    const Images in = as_images(Desc(x.desc()));
    const Operand from = k.converted(0, x, Desc(x.dims(), compute(d), in.tag));
    const Operand to = k.output(Layout(Desc({in.batch, in.channels, a.height, a.width}, compute(d), in.tag)));
    const Average average{{a.kernel, a.stride, a.pad, in.height, in.width, a.height, a.width, in.block}, padded};
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({from, to}, [=, rows = in.outer * a.height](Pointers q) {
            parallel(rows, 1, [&](int64_t b, int64_t e) { average_rows(average, (const T *)q[0], (T *)q[1], b, e); });
        });
    });
}

// Input dy; output dx, in its format.
void avg_pool_grad(Kernel &k, const duet_device &d, const duet_pooling &a, bool padded, const Layout &dy) {
    const Images out = as_images(Desc(dy.desc()));
    const Operand from = k.converted(0, dy, Desc(dy.dims(), compute(d), out.tag));
    const Operand to = k.output(Layout(Desc({out.batch, out.channels, a.height, a.width}, compute(d), out.tag)));
    const Average average{{a.kernel, a.stride, a.pad, a.height, a.width, out.height, out.width, out.block}, padded};
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({from, to}, [=, rows = out.outer * a.height](Pointers q) {
            parallel(rows, 1, [&](int64_t b, int64_t e) { share_rows(average, (const T *)q[0], (T *)q[1], b, e); });
        });
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_avg_pool(duet_device d, duet_pooling p, int padded, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { avg_pool(k, d, p, padded != 0, *in[0]); });
}

duet_kernel *duet_avg_pool_grad(duet_device d, duet_pooling p, int padded, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { avg_pool_grad(k, d, p, padded != 0, *in[0]); });
}
