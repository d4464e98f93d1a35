//go:build dnnl

// lrn.cpp: local response normalisation and its gradient; formulas in engine/op/lrn.go.
//
// oneDNN has it for a window over all channels, and divides alpha by the window's size. A group becomes an image of its
// own where blocks of channels come out even, by another description of the same memory; s is then the primitive's
// workspace. Where oneDNN would fall back to reference code, loops of our own keep s in fp32.
#include "guard.hpp"
#include "loops.hpp"

#include <cmath>

namespace duet {

namespace {

// grouped describes x so that every group is an image, if the format allows it.
std::optional<Desc> grouped(const Images &x, int64_t groups) {
    if (groups == 1) return x.desc;
    const int64_t channels = x.channels / groups;
    if (x.tag == Tag::nhwc || channels % x.block != 0) return std::nullopt;
    return Desc({x.batch * groups, channels, x.height, x.width}, type_of(x.desc), x.tag);
}

Window window(const duet_normalisation &n) { return {n.size, n.alpha * float(n.size), n.beta, n.k}; }

// primitive describes the forward pass, or nothing when oneDNN has no fast one. A window of more channels than there
// are is left to the loops too: the fast code reads its neighbours without looking.
std::optional<dnnl::lrn_forward::primitive_desc> primitive(const duet_normalisation &n, prop_kind kind, const Images &x) {
    const auto view = grouped(x, n.groups);
    if (!view || n.size > dims_of(*view)[1]) return std::nullopt;
    return Kernel::attempt([&] { return lrn_primitive(Kernel::attributes(), kind, *view, window(n)); });
}

std::optional<dnnl::lrn_backward::primitive_desc> gradient(const duet_normalisation &n,
                                                           const dnnl::lrn_forward::primitive_desc &forward) {
    return Kernel::attempt([&] { return lrn_gradient(Kernel::attributes(), forward, forward.src_desc(), window(n)); });
}

constexpr int64_t tile = 16; // places that are worked on together

// power is s^-beta for the places of a tile.
INLINE void power(const float *s, float *out, float beta) {
    if (beta == 0.75f) {
        for (int64_t t = 0; t < tile; t++) out[t] = 1 / (std::sqrt(s[t]) * std::sqrt(std::sqrt(s[t])));
        return;
    }
    for (int64_t t = 0; t < tile; t++) out[t] = std::pow(s[t], -beta);
}

// gather copies count places of all channels of an image to rows of tile floats; scatter copies them back.
template <class T> INLINE void gather(const Images &f, const T *x, int64_t n, int64_t place, int64_t count, float *rows) {
    for (int64_t c = 0; c < f.channels; c++) {
        const T *from = x + f.offset(n, c) + place * f.block;
        for (int64_t t = 0; t < tile; t++) rows[c * tile + t] = t < count ? load(from + t * f.block) : 0.f;
    }
}

template <class T> INLINE void scatter(const Images &f, const float *rows, int64_t n, int64_t place, int64_t count, T *y) {
    for (int64_t c = 0; c < f.channels; c++) {
        T *to = y + f.offset(n, c) + place * f.block;
        for (int64_t t = 0; t < count; t++) store(to + t * f.block, rows[c * tile + t]);
    }
}

// window_sum is the sum over the window of channel c, inside its group, of rows.
INLINE void window_sum(const duet_normalisation &n, int64_t channels, int64_t c, const float *rows, float *sum) {
    const int64_t group = channels / n.groups, first = c / group * group, half = n.size / 2;
    const int64_t begin = std::max(c - half, first), end = std::min(c + half + 1, first + group);
    for (int64_t t = 0; t < tile; t++) sum[t] = 0;
    for (int64_t j = begin; j < end; j++)
        for (int64_t t = 0; t < tile; t++) sum[t] += rows[j * tile + t];
}

// normalise does count places of one image; work is room for three rows a channel.
template <class T>
VECTORISED void normalise(const duet_normalisation &n, const Images &f, const T *x, T *y, float *s, int64_t image, int64_t place, int64_t count,
                          float *work) {
    float *in = work, *squares = in + f.channels * tile, *scale = squares + f.channels * tile;
    gather(f, x, image, place, count, in);
    for (int64_t i = 0; i < f.channels * tile; i++) squares[i] = in[i] * in[i];
    for (int64_t c = 0; c < f.channels; c++) {
        float sum[tile], factor[tile], *row = scale + c * tile;
        window_sum(n, f.channels, c, squares, sum);
        for (int64_t t = 0; t < tile; t++) row[t] = n.k + n.alpha * sum[t];
        power(row, factor, n.beta);
        for (int64_t t = 0; t < tile; t++) in[c * tile + t] *= factor[t];
    }
    scatter(f, in, image, place, count, y);
    if (s) scatter(f, scale, image, place, count, s);
}

// differentiate does count places of one image; work is room for four rows a channel.
template <class T>
VECTORISED void differentiate(const duet_normalisation &n, const Images &f, const T *x, const float *s, const T *dy, T *dx, int64_t image,
                              int64_t place, int64_t count, float *work) {
    const int64_t size = f.channels * tile;
    float *in = work, *scale = in + size, *diff = scale + size, *ratio = diff + size;
    gather(f, x, image, place, count, in);
    gather(f, s, image, place, count, scale);
    gather(f, dy, image, place, count, diff);
    for (int64_t c = 0; c < f.channels; c++) {
        float factor[tile];
        float *sc = scale + c * tile;
        for (int64_t t = count; t < tile; t++) sc[t] = 1; // keep the unused places finite
        power(sc, factor, n.beta);
        for (int64_t t = 0; t < tile; t++) {
            ratio[c * tile + t] = diff[c * tile + t] * in[c * tile + t] * factor[t] / sc[t];
            diff[c * tile + t] *= factor[t];
        }
    }
    for (int64_t c = 0; c < f.channels; c++) {
        float sum[tile];
        window_sum(n, f.channels, c, ratio, sum);
        for (int64_t t = 0; t < tile; t++) diff[c * tile + t] -= 2 * n.alpha * n.beta * in[c * tile + t] * sum[t];
    }
    scatter(f, diff, image, place, count, dx);
}

// tiles calls work(image, place, count, rows) for all places of all images, with room for so many rows a channel.
template <class F> void tiles(const Images &f, int64_t rows, float *room, F work) {
    const int64_t across = (f.pixels() + tile - 1) / tile;
    parallel(f.batch * across, 1, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; i++) {
            const int64_t place = i % across * tile;
            work(i / across, place, std::min(tile, f.pixels() - place), room + omp_get_thread_num() * rows * f.channels * tile);
        }
    });
}

Operand room(Kernel &k, const duet_device &d, const Images &f, int64_t rows) {
    return k.temporary(plain(Type::f32, {d.threads, rows, f.channels, tile}));
}

// padded says whether a format holds more channels than there are; our loops leave those unwritten.
bool padded(const Images &f) { return f.channels % f.block != 0; }

} // namespace

// Input x; outputs y and, on demand, s.
void lrn(Kernel &k, const duet_device &d, const duet_normalisation &n, bool keep, const Layout &x) {
    const Images given = as_images(x.desc());
    const Images f = as_images(Desc(x.dims(), compute(d), padded(given) ? Tag::nchw : given.tag));
    Operand from = k.converted(0, x, f.desc), to = k.output(Layout(f.desc));
    const auto pd = primitive(n, keep ? prop_kind::forward_training : prop_kind::forward_inference, f);
    if (pd && (!keep || gradient(n, *pd))) {
        from.desc = to.desc = pd->src_desc();
        std::vector<std::pair<int, Operand>> args = {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}};
        if (keep) args.push_back({DNNL_ARG_WORKSPACE, k.output(Layout(pd->workspace_desc(), true))});
        k.run<dnnl::lrn_forward>(*pd, args);
        return;
    }
    std::vector<Operand> operands = {from, to, room(k, d, f, 3)};
    if (keep) operands.push_back(k.output(Layout(Desc(x.dims(), Type::f32, f.tag))));
    k.note("loop");
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop(operands, [=](Pointers p) {
            float *s = keep ? (float *)p[3] : nullptr;
            tiles(f, 3, (float *)p[2], [&](int64_t image, int64_t place, int64_t count, float *work) {
                normalise(n, f, (const T *)p[0], (T *)p[1], s, image, place, count, work);
            });
        });
    });
}

// Inputs x, s, dy; output dx.
void lrn_grad(Kernel &k, const duet_device &d, const duet_normalisation &n, const Layout &x, const Layout &s, const Layout &dy) {
    const Images given = as_images(x.desc());
    const Images f = as_images(Desc(x.dims(), compute(d), padded(given) ? Tag::nchw : given.tag));
    Operand from = k.converted(0, x, f.desc), diff = k.converted(2, dy, f.desc), to = k.output(Layout(f.desc));
    if (s.opaque) {
        const auto forward = primitive(n, prop_kind::forward_training, f);
        const auto pd = forward ? gradient(n, *forward) : std::nullopt;
        if (!pd || forward->workspace_desc() != s.desc()) throw std::invalid_argument("s is of another format, " + s.describe());
        from.desc = diff.desc = to.desc = forward->src_desc();
        k.run<dnnl::lrn_backward>(
            *pd, {{DNNL_ARG_SRC, from}, {DNNL_ARG_DIFF_DST, diff}, {DNNL_ARG_WORKSPACE, k.input(1, s)}, {DNNL_ARG_DIFF_SRC, to}});
        return;
    }
    const Operand scale = k.converted(1, s, Desc(x.dims(), Type::f32, f.tag));
    k.note("loop");
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({from, scale, diff, to, room(k, d, f, 4)}, [=](Pointers p) {
            tiles(f, 4, (float *)p[4], [&](int64_t image, int64_t place, int64_t count, float *work) {
                differentiate(n, f, (const T *)p[0], (const float *)p[1], (const T *)p[2], (T *)p[3], image, place, count, work);
            });
        });
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_lrn(duet_device d, duet_normalisation n, int scale, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { lrn(k, d, n, scale != 0, *in[0]); });
}

duet_kernel *duet_lrn_grad(duet_device d, duet_normalisation n, const duet_layout *in[3], char **error) {
    return prepared(d, error, [&](Kernel &k) { lrn_grad(k, d, n, *in[0], *in[1], *in[2]); });
}
