// kernel.hpp: layouts, and kernels as short sequences of oneDNN primitives and loops of our own.
#pragma once

#include "onednn.hpp"
#include "shim.h"

#include <functional>
#include <memory>
#include <utility>

namespace duet {

// Section is one copy of a tensor inside its buffer.
struct Section {
    Desc desc;
    size_t offset;
};

// Layout is how a tensor lies in its buffer. Activations have one section. Parameters may have several: the fp32
// master, then copies in the formats and precisions that kernels want.
class Layout {
  public:
    explicit Layout(const Desc &d, bool opaque = false) : opaque(opaque) { add(d); }

    // A parameter: its master and the copies that kernels want.
    Layout(const Desc &master, const std::vector<Desc> &copies) : Layout(master) {
        for (const Desc &d : copies) add(d);
    }

    // reshaped is the same elements under other extents: itself, or of a plain layout a plain one.
    Layout reshaped(const Dims &dims) const;
    // add appends a copy, unless there is one of the same format.
    void add(const Desc &d);
    // find is the section of exactly this format, or null.
    const Section *find(const Desc &d) const;

    const Desc &desc() const { return sections[0].desc; }
    Dims dims() const { return dims_of(desc()); }
    Type type() const { return type_of(desc()); }
    std::string describe() const;

    std::vector<Section> sections;
    size_t bytes = 0;
    bool opaque; // contents are a primitive's own affair and cannot be downloaded
};

// plain is the row-major format. A scalar has one axis.
Desc plain(Type t, Dims dims);
// any leaves the format to a primitive.
Desc any(Type t, const Dims &dims);
// compute is the precision of activations.
inline Type compute(const duet_device &d) { return d.bf16 ? Type::bf16 : Type::f32; }
// is_reference says whether an implementation is oneDNN's slow fallback.
bool is_reference(const char *implementation);

// Images is a format of [batch, C, H, W] that our own loops understand: outer * H * W * lanes elements.
struct Images {
    Desc desc;
    Tag tag;
    int64_t batch, channels, height, width;
    int64_t block; // channels side by side: 1 in nchw, 8 or 16 in nChw8c and nChw16c, all of them in nhwc
    int64_t outer; // images of so many lanes

    int64_t pixels() const { return height * width; }
    // offset of channel c of image n, in elements, at place 0. Places are block elements apart.
    int64_t offset(int64_t n, int64_t c) const {
        const int64_t blocks = outer / batch;
        return (n * blocks + c / block) * pixels() * block + c % block;
    }
};

// as_images recognises a format; for any other it gives the nearest that it knows: nChw16c or nchw.
Images as_images(const Desc &d);
// Operand is what a stage of a kernel reads or writes: a part of an input, of an output or of the scratch memory.
struct Operand {
    enum Space { input, output, scratch } space;
    int index;
    size_t offset;
    Desc desc;
};

using Pointers = void *const *;
using Loop = std::function<void(Pointers)>;

// Stage is a primitive, or a loop with the addresses of its operands.
struct Stage {
    dnnl::primitive primitive; // empty for a loop
    std::vector<int> args;     // of the primitive, in the order of operands
    std::vector<Operand> operands;
    Loop loop;
};

// Kernel is an operation prepared for the layouts of its inputs.
class Kernel {
  public:
    // attributes for primitives: their scratch memory is ours.
    static primitive_attr attributes();

    // input is an input as it is.
    Operand input(int index, const Desc &d, size_t offset = 0) const { return {Operand::input, index, offset, d}; }
    Operand input(int index, const Layout &l) const { return input(index, l.desc()); }
    // output adds an output.
    Operand output(const Layout &l);
    // temporary reserves scratch memory.
    Operand temporary(const Desc &d);
    // converted is an input in a certain format: the section that has it, else a reordered copy in scratch memory.
    Operand converted(int index, const Layout &l, const Desc &want);

    void reorder(const Operand &from, const Operand &to);
    void loop(std::vector<Operand> operands, Loop f);

    // run adds a primitive. Its implementation becomes part of the name.
    template <class P> void run(const typename P::primitive_desc &pd, std::vector<std::pair<int, Operand>> args) {
        note(implementation(pd));
        args.push_back({DNNL_ARG_SCRATCHPAD, temporary(pd.scratchpad_desc())});
        add(P(pd), args);
    }

    // fit describes a primitive by make(format of a parameter), for a section that the parameter has: the one that
    // the primitive likes best, or one that it takes without falling back to reference code, or else a copy.
    template <class Make>
    auto fit(int index, const Layout &l, const Desc &free, Make make) -> std::pair<decltype(make(free)), Operand> {
        auto pd = make(free);
        if (l.find(pd.weights_desc())) return {pd, converted(index, l, pd.weights_desc())};
        for (const Section &s : l.sections) {
            if (type_of(s.desc) != type_of(free)) continue;
            if (auto forced = attempt([&] { return make(s.desc); })) return {*forced, input(index, s.desc, s.offset)};
        }
        return {pd, converted(index, l, pd.weights_desc())};
    }

    // attempt is make(), unless oneDNN cannot do it or only with reference code.
    template <class Make> static auto attempt(Make make) -> std::optional<decltype(make())> {
        try {
            auto pd = make();
            if (!is_reference(implementation(pd))) return pd;
        } catch (const std::exception &) {
        }
        return std::nullopt;
    }

    void note(const std::string &part);

    std::vector<Layout> outputs;
    std::vector<Stage> stages;
    size_t scratch = 0;
    int in_place = -1;
    std::string name;

  private:
    void add(dnnl::primitive p, const std::vector<std::pair<int, Operand>> &args);
};

// Job is a kernel bound to memory.
class Job {
  public:
    Job(const Kernel &k, void *const *in, void *const *out, void *scratch);
    void run();

  private:
    struct Call {
        dnnl::primitive primitive;
        std::vector<memory> memories;
        std::vector<dnnl_exec_arg_t> args;
        std::vector<void *> pointers;
        Loop loop;
    };
    std::vector<Call> calls;
};

} // namespace duet

struct duet_layout : duet::Layout {
    using duet::Layout::Layout;
    explicit duet_layout(const duet::Layout &l) : duet::Layout(l) {}
};
struct duet_kernel : duet::Kernel {};
struct duet_job {
    duet::Job job;
    std::string failure;
};
