//go:build dnnl

// exchange.cpp: joining towers, taking them apart, and adding what comes from several; engine/op/exchange.go.
//
// In every format that our loops know, a range of channels of one image is one run of memory when the blocks of
// channels come out even; so joining and cutting are copies of runs.
#include "guard.hpp"
#include "loops.hpp"

namespace duet {

namespace {

// Runs is a format in which channels at multiples of block lie one after another.
struct Runs {
    Desc desc;
    int64_t images, channel; // bytes of a channel
};

Runs runs(const Desc &d) {
    const Dims n = dims_of(d);
    int64_t channel = type_of(d) == Type::bf16 ? 2 : 4;
    for (size_t i = 2; i < n.size(); i++) channel *= n[i];
    return {d, n[0], channel};
}

// even says whether channels from c on start a block in a format.
bool even(const Desc &d, int64_t c) {
    if (d == plain(type_of(d), dims_of(d))) return true;
    if (dims_of(d).size() != 4) return false;
    const Images i = as_images(d);
    return i.desc == d && i.tag != Tag::nhwc && c % i.block == 0 && i.channels % i.block == 0;
}

// format_of is a tensor's format at another number of channels; plain if that is none of ours.
Desc format_of(const Desc &like, const Dims &n) {
    return like == plain(type_of(like), dims_of(like)) ? plain(type_of(like), n)
                                                       : Desc(n, type_of(like), as_images(like).tag);
}

// copy_runs copies channels of all images; offsets and lengths in bytes.
void copy_runs(int64_t images, const char *from, int64_t from_stride, char *to, int64_t to_stride, int64_t length) {
    parallel_rows(images, [&](int64_t n) { std::memcpy(to + n * to_stride, from + n * from_stride, length); });
}

} // namespace

// Inputs a, b; output y.
void concat(Kernel &k, const duet_device &d, const Layout &a, const Layout &b) {
    Dims n = a.dims();
    const int64_t first = n[1], second = b.dims()[1];
    n[1] += second;
    const bool blocks = a.type() == compute(d) && even(a.desc(), first) && even(format_of(a.desc(), b.dims()), second);
    const Desc like = blocks ? a.desc() : plain(compute(d), a.dims());
    const Operand left = k.converted(0, a, like), right = k.converted(1, b, format_of(like, b.dims()));
    const Operand to = k.output(Layout(format_of(like, n)));
    const Runs r = runs(to.desc);
    k.loop({left, right, to}, [=](Pointers p) {
        const int64_t stride = (first + second) * r.channel;
        copy_runs(r.images, (const char *)p[0], first * r.channel, (char *)p[2], stride, first * r.channel);
        copy_runs(r.images, (const char *)p[1], second * r.channel, (char *)p[2] + first * r.channel, stride,
                  second * r.channel);
    });
}

// Input x; output y.
void slice(Kernel &k, const duet_device &d, int64_t first, int64_t end, const Layout &x) {
    Dims n = x.dims();
    const bool blocks = x.type() == compute(d) && even(x.desc(), first) && even(x.desc(), end);
    const Operand from = k.converted(0, x, blocks ? x.desc() : plain(compute(d), n));
    const int64_t all = n[1];
    n[1] = end - first;
    const Operand to = k.output(Layout(format_of(from.desc, n)));
    const Runs r = runs(to.desc);
    k.loop({from, to}, [=](Pointers p) {
        const int64_t length = (end - first) * r.channel;
        copy_runs(r.images, (const char *)p[0] + first * r.channel, all * r.channel, (char *)p[1], length, length);
    });
}

// Inputs a, b; output y, in the format of a.
void add(Kernel &k, const duet_device &d, const Layout &a, const Layout &b) {
    const Operand left = as_type(k, 0, a, compute(d));
    const Operand right = k.converted(1, b, left.desc), to = k.output(Layout(left.desc));
    if (a.type() == compute(d)) k.in_place = 0;
    const auto sum = [](auto *y, const auto *a, const auto *b) { store(y, load(a) + load(b)); };
    elementwise(k, sum, to, left, right);
}

} // namespace duet

using namespace duet;

duet_kernel *duet_concat(duet_device d, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { concat(k, d, *in[0], *in[1]); });
}

duet_kernel *duet_slice(duet_device d, int64_t first, int64_t end, const duet_layout *in[1], char **error) {
    return prepared(d, error, [&](Kernel &k) { slice(k, d, first, end, *in[0]); });
}

duet_kernel *duet_add(duet_device d, const duet_layout *in[2], char **error) {
    return prepared(d, error, [&](Kernel &k) { add(k, d, *in[0], *in[1]); });
}
