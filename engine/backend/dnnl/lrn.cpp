//go:build dnnl

// lrn.cpp: local response normalisation and its gradient; formulas in engine/op/lrn.go.
//
// oneDNN has it for a window over all channels. A group becomes an image of its own where blocks of channels come out
// even, by another description of the same memory; s is then the primitive's workspace. Where that cannot be, or oneDNN
// would fall back to reference code, loops of our own copy some places at a time to rows of channels, with zeros around
// each group for the window. They keep nothing: the gradient computes s again from x, and s is empty.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

namespace {

// grouped describes x so that every group is an image, if the format allows it.
std::optional<Desc> grouped(const Images &x, int64_t groups) {
    if (groups == 1) return x.desc;
    const int64_t channels = x.channels / groups;
    if (x.tag == Tag::nhwc || channels % x.block != 0) return std::nullopt;
    return Desc({x.batch * groups, channels, x.height, x.width}, type_of(x.desc), x.tag);
}

// primitive describes the forward pass, or nothing when oneDNN has no fast one. oneDNN divides alpha by the size. Left
// to the loops are a window over more channels than there are, and what is nobody's network: a window of one channel,
// and images of one place, whose nchw oneDNN takes for nhwc. Of both together version 2.6 crashes with AVX-512, while
// it makes the gradient.
std::optional<dnnl::lrn_forward::primitive_desc> primitive(const duet_normalisation &n, prop_kind kind,
                                                           const Images &x) {
    const auto view = grouped(x, n.groups);
    if (!view || n.size > dims_of(*view)[1] || n.size == 1 || x.pixels() == 1) return std::nullopt;
    const Window w{n.size, n.alpha * float(n.size), n.beta, n.k};
    return Kernel::attempt([&] { return lrn_primitive(Kernel::attributes(), kind, *view, w); });
}

std::optional<dnnl::lrn_backward::primitive_desc> gradient(const duet_normalisation &n,
                                                           const dnnl::lrn_forward::primitive_desc &forward) {
    const Window w{n.size, n.alpha * float(n.size), n.beta, n.k};
    return Kernel::attempt([&] { return lrn_gradient(Kernel::attributes(), forward, forward.src_desc(), w); });
}

constexpr int64_t tile = 16;  // places of an image that are worked on together
constexpr int64_t lanes = 16; // channels that are copied together where the format has them so

// Normalisation is the shapes and the numbers of an operation.
struct Normalisation {
    Normalisation(const duet_normalisation &n, const Images &f)
        : images(f), groups(n.groups), channels(f.channels / n.groups), size(n.size), half(n.size / 2),
          stride(f.channels + 2 * half * groups), k(n.k), alpha(n.alpha), beta(n.beta) {}

    // column is where channel c is in a row, and first where group g begins.
    int64_t column(int64_t c) const { return c + (2 * (c / channels) + 1) * half; }
    int64_t first(int64_t g) const { return column(g * channels); }
    int64_t floats() const { return tile * stride; } // of the rows of a tile

    Images images;
    int64_t groups, channels, size, half, stride;
    float k, alpha, beta;
};

// power is s^-beta = 2^(-beta * log2 s) for s > 0, to a few units in the last place; NaN for infinite s and NaN.
// log2 is the series of the inverse hyperbolic tangent, 2^f that of the exponential, in ranges around 1 and 0.
INLINE float power(float s, float beta) {
    constexpr uint32_t root = 0x3f3504f3; // of 1/2
    uint32_t u;
    std::memcpy(&u, &s, sizeof u);
    u -= root;
    const float exponent = float(int32_t(u) >> 23);
    const uint32_t bits = (u & 0x7fffff) + root;
    float m;
    std::memcpy(&m, &bits, sizeof m);
    const float z = (m - 1) / (m + 1), zz = z * z;
    const float series =
        z * (2.88539008f + zz * (0.961796694f + zz * (0.577078016f + zz * (0.412198583f + zz * 0.320598898f))));
    float t = -beta * (exponent + series);
    t = t < -126 ? -126 : t > 126 ? 126 : t;
    const float whole = (t + 12582912.f) - 12582912.f, f = t - whole; // 1.5 * 2^23: rounds to an integer
    const float mantissa =
        1 + f * (0.693147181f +
                 f * (0.240226507f +
                      f * (0.0555041087f + f * (0.00961812911f + f * (0.00133335581f + f * 0.000154035304f)))));
    const uint32_t scale = uint32_t(int32_t(whole) + 127) << 23;
    float factor;
    std::memcpy(&factor, &scale, sizeof factor);
    return mantissa * factor + (s - s);
}

// gather copies count places of an image to rows, scatter copies them back.
template <class T>
INLINE void gather(const Normalisation &n, const T *x, int64_t image, int64_t place, int64_t count, float *rows) {
    const Images &f = n.images;
    const int64_t together = f.block % lanes == 0 && n.channels % lanes == 0 ? lanes : 1;
    for (int64_t c = 0; c < f.channels; c += together) {
        const T *from = x + f.offset(image, c) + place * f.block;
        float *to = rows + n.column(c);
        for (int64_t t = 0; t < count; t++, from += f.block, to += n.stride) {
            if (together == 1) *to = load(from);
            else
                for (int64_t l = 0; l < lanes; l++) to[l] = load(from + l);
        }
    }
}

template <class T>
INLINE void scatter(const Normalisation &n, const float *rows, int64_t image, int64_t place, int64_t count, T *y) {
    const Images &f = n.images;
    const int64_t together = f.block % lanes == 0 && n.channels % lanes == 0 ? lanes : 1;
    for (int64_t c = 0; c < f.channels; c += together) {
        T *to = y + f.offset(image, c) + place * f.block;
        const float *from = rows + n.column(c);
        for (int64_t t = 0; t < count; t++, to += f.block, from += n.stride) {
            if (together == 1) store(to, *from);
            else
                for (int64_t l = 0; l < lanes; l++) store(to + l, from[l]);
        }
    }
}

// window is the sum of size numbers around *v; 5 is the size that everybody uses.
INLINE float window(const float *v, int64_t size, int64_t half) {
    if (size == 5) return v[-2] + v[-1] + v[0] + v[1] + v[2];
    float sum = 0;
    for (int64_t j = -half; j <= half; j++) sum += v[j];
    return sum;
}

// Tile is a number of places of an image.
struct Tile {
    int64_t image, place, count;
};

// normalise does a tile; work is two tiles of rows, zero around the groups.
template <int64_t fixed, class T> INLINE void normalise(const Normalisation &n, Tile a, const T *x, T *y, float *work) {
    float *in = work, *squares = in + n.floats();
    gather(n, x, a.image, a.place, a.count, in);
    for (int64_t i = 0; i < a.count * n.stride; i++) squares[i] = in[i] * in[i];
    for (int64_t t = 0; t < a.count; t++) {
        for (int64_t g = 0; g < n.groups; g++) {
            float *row = in + t * n.stride + n.first(g);
            const float *square = squares + t * n.stride + n.first(g);
#pragma omp simd
            for (int64_t c = 0; c < n.channels; c++)
                row[c] *= power(n.k + n.alpha * window(square + c, fixed ? fixed : n.size, n.half), n.beta);
        }
    }
    scatter(n, in, a.image, a.place, a.count, y);
}

// differentiate does a tile; work is four tiles of rows, zero around the groups.
template <int64_t fixed, class T>
INLINE void differentiate(const Normalisation &n, Tile a, const T *x, const T *dy, T *dx, float *work) {
    float *in = work, *squares = in + n.floats(), *diff = squares + n.floats(), *ratio = diff + n.floats();
    gather(n, x, a.image, a.place, a.count, in);
    gather(n, dy, a.image, a.place, a.count, diff);
    for (int64_t i = 0; i < a.count * n.stride; i++) squares[i] = in[i] * in[i];
    for (int64_t t = 0; t < a.count; t++) {
        for (int64_t g = 0; g < n.groups; g++) {
            const int64_t at = t * n.stride + n.first(g);
            const float *x = in + at, *square = squares + at;
            float *d = diff + at, *r = ratio + at;
#pragma omp simd
            for (int64_t c = 0; c < n.channels; c++) {
                const float s = n.k + n.alpha * window(square + c, fixed ? fixed : n.size, n.half);
                d[c] *= power(s, n.beta); // dy * s^-beta
                r[c] = d[c] * x[c] / s;
            }
#pragma omp simd
            for (int64_t c = 0; c < n.channels; c++)
                d[c] -= 2 * n.alpha * n.beta * x[c] * window(r + c, fixed ? fixed : n.size, n.half);
        }
    }
    scatter(n, diff, a.image, a.place, a.count, dx);
}

template <class T> INLINE void normalise_tile(const Normalisation &n, Tile a, const T *x, T *y, float *work) {
    if (n.size == 5) normalise<5>(n, a, x, y, work);
    else normalise<0>(n, a, x, y, work);
}

template <class T>
INLINE void differentiate_tile(const Normalisation &n, Tile a, const T *x, const T *dy, T *dx, float *work) {
    if (n.size == 5) differentiate<5>(n, a, x, dy, dx, work);
    else differentiate<0>(n, a, x, dy, dx, work);
}

// tiles calls f(tile, work) for all places of all images; every thread has its own so many tiles of rows to work in.
template <class F> void tiles(const Normalisation &n, int64_t rows, float *room, F f) {
    const int64_t pixels = n.images.pixels(), across = (pixels + tile - 1) / tile;
    parallel(n.images.batch * across, 1, [&](int64_t b, int64_t e) {
        float *work = room + omp_get_thread_num() * rows * n.floats();
        std::fill(work, work + rows * n.floats(), 0.f);
        for (int64_t i = b; i < e; i++) {
            const int64_t place = i % across * tile;
            f(Tile{i / across, place, std::min(tile, pixels - place)}, work);
        }
    });
}

Operand room(Kernel &k, const duet_device &d, const Normalisation &n, int64_t rows) {
    return k.temporary(plain(Type::f32, {d.threads, rows, n.floats()}));
}

// format is the format of x in which the loops work: that of x, unless it holds more channels than there are.
Images format(const duet_device &d, const Layout &x) {
    const Images f = as_images(x.desc());
    return as_images(Desc(x.dims(), compute(d), f.channels % f.block == 0 ? f.tag : Tag::nchw));
}

} // namespace

// Input x; outputs y and, on demand, s.
void lrn(Kernel &k, const duet_device &d, const duet_normalisation &a, bool scale, const Layout &x) {
    const Normalisation n(a, format(d, x));
    Operand from = k.converted(0, x, n.images.desc), to = k.output(Layout(n.images.desc));
    const auto pd = primitive(a, scale ? prop_kind::forward_training : prop_kind::forward_inference, n.images);
    if (pd && (!scale || gradient(a, *pd))) {
        from.desc = to.desc = pd->src_desc();
        std::vector<std::pair<int, Operand>> args = {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}};
        if (scale) args.push_back({DNNL_ARG_WORKSPACE, k.output(Layout(pd->workspace_desc(), true))});
        k.run<dnnl::lrn_forward>(*pd, args);
        return;
    }
    if (scale) k.output(Layout(plain(Type::u8, {DUET_ALIGNMENT}), true));
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({from, to, room(k, d, n, 2)}, [n](Pointers p) {
            tiles(n, 2, (float *)p[2],
                  [&](Tile a, float *work) { normalise_tile(n, a, (const T *)p[0], (T *)p[1], work); });
        });
    });
}

// Inputs x, s, dy; output dx.
void lrn_grad(Kernel &k, const duet_device &d, const duet_normalisation &a, const Layout &x, const Layout &s,
              const Layout &dy) {
    const Normalisation n(a, format(d, x));
    Operand from = k.converted(0, x, n.images.desc), diff = k.converted(2, dy, n.images.desc),
            to = k.output(Layout(n.images.desc));
    const auto forward = primitive(a, prop_kind::forward_training, n.images);
    if (forward && forward->workspace_desc() == s.desc()) {
        if (const auto pd = gradient(a, *forward)) {
            from.desc = diff.desc = to.desc = forward->src_desc();
            k.run<dnnl::lrn_backward>(*pd, {{DNNL_ARG_SRC, from},
                                            {DNNL_ARG_DIFF_DST, diff},
                                            {DNNL_ARG_WORKSPACE, k.input(1, s)},
                                            {DNNL_ARG_DIFF_SRC, to}});
            return;
        }
    }
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({from, diff, to, room(k, d, n, 4)}, [n](Pointers p) {
            tiles(n, 4, (float *)p[3], [&](Tile a, float *work) {
                differentiate_tile(n, a, (const T *)p[0], (const T *)p[1], (T *)p[2], work);
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
