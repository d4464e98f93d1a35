//go:build dnnl

// softmax.cpp: softmax, its cross entropy, the gradient, and the share of wrong answers; engine/op/softmax.go.
// Logits and probabilities are fp32 in every precision; sums over classes and over the batch are double.
#include "guard.hpp"
#include "loops.hpp"

#include <cmath>
#include <limits>

namespace duet {

namespace {

// exponentials writes exp(z - max z), unless e is null, and gives max z and their sum.
INLINE std::pair<float, double> exponentials(const float *z, int64_t classes, float *e) {
    float top = z[0];
    for (int64_t k = 1; k < classes; k++) top = std::max(top, z[k]);
    double sum = 0;
    for (int64_t k = 0; k < classes; k++) {
        const float v = std::exp(z[k] - top);
        if (e) e[k] = v;
        sum += v;
    }
    return {top, sum};
}

// rows_of is z as plain fp32.
Operand rows_of(Kernel &k, int index, const Layout &z) { return k.converted(index, z, plain(Type::f32, z.dims())); }

// beaten_by is how many classes are better answers than the label; all of them when the label is none or NaN, five at
// least when it is none.
int64_t beaten_by(const float *z, int64_t classes, int32_t label) {
    if (label < 0 || label >= classes) return std::max<int64_t>(5, classes);
    int64_t better = 0;
    for (int64_t k = 0; k < classes; k++) better += k != label && !(z[k] < z[label] || (z[k] == z[label] && k > label));
    return better;
}

// Target is what a row should give: the label's class a share of its weight, and each class a share of its own. Without
// weights they are 1.
struct Target {
    const Layout *weights;
    float label, all;
    Target(float smoothing, const Layout *weights, int64_t classes)
        : weights(weights), label(1 - smoothing), all(smoothing / float(classes)) {}
    float weight(const float *w, int64_t k) const { return weights ? w[k] : 1.f; }
    // operand is the weights as plain fp32, or another that is not read.
    Operand operand(Kernel &k, int index, const Operand &other) const {
        return weights ? k.converted(index, *weights, plain(Type::f32, weights->dims())) : other;
    }
};

} // namespace

// Input z; output p.
void softmax(Kernel &k, const Layout &z) {
    const Operand from = rows_of(k, 0, z), to = k.output(Layout(from.desc));
    const int64_t batch = z.dims()[0], classes = z.dims()[1];
    k.loop({from, to}, [=](Pointers q) {
        parallel_rows(batch, [&](int64_t n) {
            float *p = (float *)q[1] + n * classes;
            const float factor = float(1 / exponentials((const float *)q[0] + n * classes, classes, p).second);
            for (int64_t c = 0; c < classes; c++) p[c] *= factor;
        });
    });
}

// Inputs z, labels, and the classes' weights where weighted; output the loss.
void softmax_loss(Kernel &k, float smoothing, const Layout &z, const Layout &labels, const Layout *weights) {
    const int64_t batch = z.dims()[0], classes = z.dims()[1];
    const Target target(smoothing, weights, classes);
    const Operand from = rows_of(k, 0, z), to = k.output(Layout(plain(Type::f32, {})));
    const Operand terms = k.temporary(plain(Type::f32, {2 * batch})); // doubles
    k.loop({from, k.input(1, labels), to, terms, target.operand(k, 2, from)}, [=](Pointers q) {
        auto *term = static_cast<double *>(q[3]);
        const float *w = (const float *)q[4];
        parallel_rows(batch, [&](int64_t n) {
            const float *row = (const float *)q[0] + n * classes;
            const int32_t label = ((const int32_t *)q[1])[n];
            const auto [top, sum] = exponentials(row, classes, nullptr);
            const double log_sum = std::log(sum);
            const bool known = label >= 0 && label < classes;
            double loss = 0;
            for (int64_t c = 0; target.all > 0 && c < classes; c++)
                loss += double(target.all * target.weight(w, c)) * (log_sum - (double(row[c]) - top));
            if (known) loss += double(target.label * target.weight(w, label)) * (log_sum - (double(row[label]) - top));
            term[n] = known ? loss : std::numeric_limits<double>::quiet_NaN();
        });
        double loss = 0;
        for (int64_t n = 0; n < batch; n++) loss += term[n];
        *static_cast<float *>(q[2]) = float(loss / double(batch));
    });
}

// Inputs z, labels, dloss, and the classes' weights where weighted; output dz.
void softmax_loss_grad(Kernel &k, const duet_device &d, float smoothing, const Layout &z, const Layout &labels,
                       const Layout &dloss, const Layout *weights) {
    const int64_t batch = z.dims()[0], classes = z.dims()[1];
    const Target target(smoothing, weights, classes);
    const Operand from = rows_of(k, 0, z), to = k.output(Layout(plain(compute(d), z.dims())));
    const Operand scale = k.converted(2, dloss, plain(Type::f32, dloss.dims())), probabilities = k.temporary(from.desc);
    with_type(compute(d), [&](auto *t) {
        using T = std::remove_pointer_t<decltype(t)>;
        const Operand of = target.operand(k, 3, from);
        k.loop({from, k.input(1, labels), scale, to, probabilities, of}, [=](Pointers q) {
            const float factor = *(const float *)q[2] / float(batch), *w = (const float *)q[5];
            double all = 0; // of every row's target
            for (int64_t c = 0; target.all > 0 && c < classes; c++) all += target.all * target.weight(w, c);
            parallel_rows(batch, [&](int64_t n) {
                float *p = (float *)q[4] + n * classes;
                T *dz = (T *)q[3] + n * classes;
                const int32_t label = ((const int32_t *)q[1])[n];
                const bool known = label >= 0 && label < classes;
                const float total = float(all) + (known ? target.label * target.weight(w, label) : 0.f);
                const float inverse = float(1 / exponentials((const float *)q[0] + n * classes, classes, p).second);
                for (int64_t c = 0; c < classes; c++) {
                    const float share = c == label ? target.label + target.all : target.all;
                    store(dz + c, factor * (p[c] * inverse * total - share * target.weight(w, c)));
                }
            });
        });
    });
}

// Inputs z, labels; output the top-1 and the top-5 error.
void top_errors(Kernel &k, const Layout &z, const Layout &labels) {
    const int64_t batch = z.dims()[0], classes = z.dims()[1];
    const Operand from = rows_of(k, 0, z), to = k.output(Layout(plain(Type::f32, {2})));
    k.loop({from, k.input(1, labels), to}, [=](Pointers q) {
        int64_t first = 0, five = 0;
        for (int64_t n = 0; n < batch; n++) {
            const int64_t better = beaten_by((const float *)q[0] + n * classes, classes, ((const int32_t *)q[1])[n]);
            first += better >= 1;
            five += better >= 5;
        }
        auto *y = static_cast<float *>(q[2]);
        y[0] = float(first) / float(batch);
        y[1] = float(five) / float(batch);
    });
}

} // namespace duet

using namespace duet;

duet_kernel *duet_softmax(duet_device d, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { softmax(k, *in[0]); });
}

duet_kernel *duet_softmax_loss(duet_device d, float smoothing, int weighted, const duet_layout *in[3], char **error) {
    return prepared(d, error,
                    [&](Kernel &k) { softmax_loss(k, smoothing, *in[0], *in[1], weighted ? in[2] : nullptr); });
}

duet_kernel *duet_softmax_loss_grad(duet_device d, float smoothing, int weighted, const duet_layout *in[4],
                                    char **error) {
    return prepared(d, error, [&](Kernel &k) {
        softmax_loss_grad(k, d, smoothing, *in[0], *in[1], *in[2], weighted ? in[3] : nullptr);
    });
}

duet_kernel *duet_top_errors(duet_device d, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { top_errors(k, *in[0], *in[1]); });
}
