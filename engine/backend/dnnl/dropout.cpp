//go:build dnnl

// dropout.cpp: dropout, whose mask is a function of the counters alone, and scaling; formulas in engine/op/dropout.go,
// the generator, Philox4x32-10, in internal/rng.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

namespace {

constexpr int lanes = 16;        // blocks of the generator at a time
constexpr int words = 4 * lanes; // and their words

// Draw is where in the stream a kernel is.
struct Draw {
    uint32_t key[2], step, tag;
};

// draw makes words 4*block to 4*(block+lanes).
INLINE void draw(const Draw &at, uint64_t block, uint32_t *out) {
    uint32_t c0[lanes], c1[lanes], c2[lanes], c3[lanes];
    for (int i = 0; i < lanes; i++) {
        c0[i] = uint32_t(block + i);
        c1[i] = uint32_t((block + i) >> 32);
        c2[i] = at.step;
        c3[i] = at.tag;
    }
    uint32_t k0 = at.key[0], k1 = at.key[1];
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        for (int i = 0; i < lanes; i++) {
            const uint64_t p0 = uint64_t(0xD2511F53u) * c0[i], p1 = uint64_t(0xCD9E8D57u) * c2[i];
            c0[i] = uint32_t(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = uint32_t(p1);
            c2[i] = uint32_t(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = uint32_t(p0);
        }
    }
    for (int i = 0; i < lanes; i++) {
        out[4 * i] = c0[i];
        out[4 * i + 1] = c1[i];
        out[4 * i + 2] = c2[i];
        out[4 * i + 3] = c3[i];
    }
}

// drop_row does n features from word first of the stream on.
template <class T>
INLINE void drop_row(const T *x, T *y, int64_t n, uint64_t first, Draw at, uint32_t threshold, float factor) {
    uint32_t mask[words];
    uint64_t begin = first / 4 * 4; // of the words in mask
    for (int64_t i = 0; i < n; begin += words) {
        draw(at, begin / 4, mask);
        const int64_t end = std::min(n, int64_t(begin + words - first));
        const uint32_t *m = mask + (first + i - begin);
        for (int64_t j = 0; j < end - i; j++) store(y + i + j, load(x + i + j) * (m[j] < threshold ? 0.f : factor));
        i = end;
    }
}

} // namespace

// Inputs x and the counters; output y.
void dropout(Kernel &k, const duet_device &d, const duet_mask &m, const Layout &x, const Layout &counters) {
    const Desc rows = plain(compute(d), x.dims());
    const Operand from = k.converted(0, x, rows), to = k.output(Layout(rows));
    if (from.space == Operand::input) k.in_place = 0;
    const int64_t batch = x.dims()[0], features = x.dims()[1];
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        k.loop({from, k.input(1, counters), to}, [=](Pointers p) {
            const auto *c = static_cast<const uint32_t *>(p[1]);
            const Draw at{{c[0], c[1]}, c[2], m.tag};
            parallel_rows(batch, [&](int64_t n) {
                const T *x = (const T *)p[0] + n * features;
                drop_row(x, (T *)p[2] + n * features, features, n * m.width + m.first, at, m.threshold, m.factor);
            });
        });
    });
}

// Input x; output y.
void scale(Kernel &k, const duet_device &d, float factor, const Layout &x) {
    const Operand from = as_type(k, 0, x, compute(d)), to = k.output(Layout(from.desc));
    if (x.type() == compute(d)) k.in_place = 0;
    const auto times = [factor](auto *y, const auto *x) { store(y, load(x) * factor); };
    elementwise(k, times, to, from);
}

} // namespace duet

using namespace duet;

duet_kernel *duet_dropout(duet_device d, duet_mask m, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { dropout(k, d, m, *in[0], *in[1]); });
}

duet_kernel *duet_scale(duet_device d, float factor, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { scale(k, d, factor, *in[0]); });
}
