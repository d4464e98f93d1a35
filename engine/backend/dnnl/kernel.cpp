//go:build dnnl

// kernel.cpp: building kernels and binding them to memory.
#include "kernel.hpp"

#include <algorithm>
#include <stdexcept>

namespace duet {

namespace {

constexpr size_t line = 64; // every section and temporary starts a cache line

size_t aligned(size_t bytes) { return (bytes + line - 1) / line * line; }

const char *name_of(Type t) {
    switch (t) {
    case Type::f32: return "f32";
    case Type::bf16: return "bf16";
    case Type::u8: return "u8";
    case Type::s32: return "s32";
    default: return "bytes";
    }
}

// name_of a format as oneDNN writes tags: axes from the outermost, capitals where blocked, then the inner blocks.
std::string name_of(const Desc &d) {
    std::string s = name_of(type_of(d));
    if (!is_blocked(d)) return s + " opaque";
    const Blocking b = blocking_of(d);
    std::vector<int> axes;
    for (int i = 0; i < int(b.dims.size()); i++) axes.push_back(i);
    std::stable_sort(axes.begin(), axes.end(), [&](int i, int j) { return b.strides[i] > b.strides[j]; });
    s += " ";
    for (int axis : axes) {
        bool inner = false;
        for (int64_t i : b.axes) inner |= i == axis;
        s += char((inner ? 'A' : 'a') + axis);
    }
    for (size_t i = 0; i < b.inner.size(); i++) s += std::to_string(b.inner[i]) + char('a' + b.axes[i]);
    return s;
}

} // namespace

void Layout::add(const Desc &d) {
    if (find(d)) return;
    sections.push_back({d, aligned(bytes)});
    bytes = aligned(bytes) + d.get_size();
}

Layout Layout::reshaped(const Dims &dims) const {
    if (dims == this->dims()) return *this;
    const Desc d = plain(type(), dims);
    if (desc() != plain(type(), this->dims()) || sections.size() != 1 || d.get_size() != bytes)
        throw std::invalid_argument("cannot reshape a tensor that lies as " + describe());
    return Layout(d);
}

const Section *Layout::find(const Desc &d) const {
    for (const Section &s : sections)
        if (s.desc == d) return &s;
    return nullptr;
}

std::string Layout::describe() const {
    std::string text;
    for (const Section &s : sections) text += (text.empty() ? "" : " + ") + name_of(s.desc);
    return opaque ? text + " workspace" : text;
}

Desc plain(Type t, Dims dims) {
    if (dims.empty()) dims.push_back(1);
    Dims strides(dims.size(), 1);
    for (size_t i = dims.size() - 1; i > 0; i--) strides[i - 1] = strides[i] * dims[i];
    return Desc(dims, t, strides);
}

Desc any(Type t, const Dims &dims) { return Desc(dims, t, Tag::any); }

bool is_reference(const char *implementation) { return std::string(implementation).find("ref:") != std::string::npos; }

Images as_images(const Desc &d) {
    const Dims n = dims_of(d);
    const auto family = [&](Tag tag) {
        const int64_t block = tag == Tag::nchw ? 1 : tag == Tag::nChw16c ? 16 : tag == Tag::nChw8c ? 8 : n[1];
        const int64_t outer = n[0] * ((n[1] + block - 1) / block);
        return Images{Desc(n, type_of(d), tag), tag, n[0], n[1], n[2], n[3], block, outer};
    };
    for (Tag tag : {Tag::nchw, Tag::nChw16c, Tag::nChw8c, Tag::nhwc})
        if (Desc(n, type_of(d), tag) == d) return family(tag);
    return family(n[1] % 16 == 0 ? Tag::nChw16c : Tag::nchw);
}

primitive_attr Kernel::attributes() {
    primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attr;
}

Operand Kernel::output(const Layout &l) {
    outputs.push_back(l);
    return {Operand::output, int(outputs.size()) - 1, 0, l.desc()};
}

Operand Kernel::temporary(const Desc &d) {
    const size_t offset = aligned(scratch);
    scratch = offset + d.get_size();
    return {Operand::scratch, 0, offset, d};
}

Operand Kernel::converted(int index, const Layout &l, const Desc &want) {
    if (const Section *s = l.find(want)) return input(index, s->desc, s->offset);
    const Section *from = &l.sections[0];
    for (const Section &s : l.sections) // a copy of the same precision is the shortest way
        if (type_of(s.desc) == type_of(want)) from = &s;
    const Operand to = temporary(want);
    reorder(input(index, from->desc, from->offset), to);
    return to;
}

void Kernel::reorder(const Operand &from, const Operand &to) {
    const dnnl::reorder::primitive_desc pd(engine(), from.desc, engine(), to.desc, attributes());
    note("reorder");
    add(dnnl::reorder(pd),
        {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, temporary(pd.scratchpad_desc())}});
}

void Kernel::loop(std::vector<Operand> operands, Loop f) {
    note("loop");
    Stage s;
    s.operands = std::move(operands);
    s.loop = std::move(f);
    stages.push_back(std::move(s));
}

void Kernel::add(dnnl::primitive p, const std::vector<std::pair<int, Operand>> &args) {
    Stage s;
    s.primitive = std::move(p);
    for (const auto &[arg, operand] : args) {
        s.args.push_back(arg);
        s.operands.push_back(operand);
    }
    stages.push_back(std::move(s));
}

void Kernel::note(const std::string &part) { name += (name.empty() ? "" : "+") + part; }

Job::Job(const Kernel &k, void *const *in, void *const *out, void *scratch) {
    for (const Stage &s : k.stages) {
        Call c;
        for (const Operand &o : s.operands) {
            void *base = o.space == Operand::input ? in[o.index] : o.space == Operand::output ? out[o.index] : scratch;
            c.pointers.push_back(static_cast<char *>(base) + o.offset);
        }
        if (s.primitive) {
            for (size_t i = 0; i < s.operands.size(); i++) {
                c.memories.emplace_back(s.operands[i].desc, engine(), c.pointers[i]);
                c.args.push_back({s.args[i], c.memories.back().get()});
            }
        }
        c.primitive = s.primitive;
        c.loop = s.loop;
        calls.push_back(std::move(c));
    }
}

void Job::run() {
    static thread_local dnnl::stream stream(engine());
    for (Call &c : calls) {
        if (c.loop) {
            c.loop(c.pointers.data());
            continue;
        }
        dnnl::error::wrap_c_api(
            dnnl_primitive_execute(c.primitive.get(), stream.get(), int(c.args.size()), c.args.data()),
            "could not execute a primitive");
    }
}

} // namespace duet
