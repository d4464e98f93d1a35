// onednn.hpp: oneDNN's types under short names, and everything that differs between its versions 2 (Debian 12) and
// 3 (Debian 13, Ubuntu 24.04). No other file looks at the version.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <oneapi/dnnl/dnnl_debug.h>

#include <optional>
#include <string>
#include <vector>

namespace duet {

using dnnl::algorithm;
using dnnl::prop_kind;
using dnnl::primitive_attr;
using dnnl::memory;
using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

// engine is the CPU; all devices share it.
inline dnnl::engine &engine() {
    static dnnl::engine e(dnnl::engine::kind::cpu, 0);
    return e;
}

// forward_primitive describes a primitive of kind P; args are those of version 2's P::desc.
template <class P, class... Args>
typename P::primitive_desc forward_primitive(const primitive_attr &attr, const Args &...args) {
#if DNNL_VERSION_MAJOR >= 3
    return typename P::primitive_desc(engine(), args..., attr);
#else
    return typename P::primitive_desc(typename P::desc(args...), attr, engine());
#endif
}

// backward_primitive describes the gradient of a primitive that forward describes.
template <class P, class Forward, class... Args>
typename P::primitive_desc backward_primitive(const primitive_attr &attr, const Forward &forward, const Args &...args) {
#if DNNL_VERSION_MAJOR >= 3
    return typename P::primitive_desc(engine(), args..., forward, attr);
#else
    return typename P::primitive_desc(typename P::desc(args...), attr, engine(), forward);
#endif
}

// Window is the normalisation of dnnl::lrn_forward; oneDNN divides alpha by the size itself.
struct Window {
    int64_t size;
    float alpha, beta, k;
};

inline dnnl::lrn_forward::primitive_desc lrn_primitive(const primitive_attr &attr, prop_kind kind, const Desc &x,
                                                       Window w) {
    constexpr auto across = algorithm::lrn_across_channels;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::lrn_forward::primitive_desc(engine(), kind, across, x, x, w.size, w.alpha, w.beta, w.k, attr);
#else
    return dnnl::lrn_forward::primitive_desc({kind, across, x, w.size, w.alpha, w.beta, w.k}, attr, engine());
#endif
}

inline dnnl::lrn_backward::primitive_desc
lrn_gradient(const primitive_attr &attr, const dnnl::lrn_forward::primitive_desc &forward, const Desc &x, Window w) {
    constexpr auto across = algorithm::lrn_across_channels;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::lrn_backward::primitive_desc(engine(), across, x, x, x, w.size, w.alpha, w.beta, w.k, forward, attr);
#else
    return dnnl::lrn_backward::primitive_desc({across, x, x, w.size, w.alpha, w.beta, w.k}, attr, engine(), forward);
#endif
}

// Places is the geometry of pooling: extents along height and width.
struct Places {
    Dims kernel, stride, left, right;
};

inline dnnl::pooling_forward::primitive_desc max_pool_primitive(const primitive_attr &attr, const Desc &x,
                                                                const Desc &y, const Places &p) {
    constexpr auto kind = prop_kind::forward_training;
    constexpr auto max = algorithm::pooling_max;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::pooling_forward::primitive_desc(engine(), kind, max, x, y, p.stride, p.kernel, {0, 0}, p.left, p.right,
                                                 attr);
#else
    return dnnl::pooling_forward::primitive_desc({kind, max, x, y, p.stride, p.kernel, p.left, p.right}, attr,
                                                 engine());
#endif
}

inline dnnl::pooling_backward::primitive_desc max_pool_gradient(const primitive_attr &attr,
                                                                const dnnl::pooling_forward::primitive_desc &forward,
                                                                const Desc &dx, const Desc &dy, const Places &p) {
    constexpr auto max = algorithm::pooling_max;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::pooling_backward::primitive_desc(engine(), max, dx, dy, p.stride, p.kernel, {0, 0}, p.left, p.right,
                                                  forward, attr);
#else
    return dnnl::pooling_backward::primitive_desc({max, dx, dy, p.stride, p.kernel, p.left, p.right}, attr, engine(),
                                                  forward);
#endif
}

inline dnnl::eltwise_forward::primitive_desc tanh_primitive(const primitive_attr &attr, const Desc &x) {
    constexpr auto kind = prop_kind::forward_inference;
    constexpr auto tanh = algorithm::eltwise_tanh;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl::eltwise_forward::primitive_desc(engine(), kind, tanh, x, x, 0.f, 0.f, attr);
#else
    return dnnl::eltwise_forward::primitive_desc({kind, tanh, x, 0.f, 0.f}, attr, engine());
#endif
}

// rectify makes max(., 0) the end of a primitive.
inline void rectify(primitive_attr &attr) {
    dnnl::post_ops ops;
#if DNNL_VERSION_MAJOR >= 3
    ops.append_eltwise(algorithm::eltwise_relu, 0.f, 0.f);
#else
    ops.append_eltwise(1.f, algorithm::eltwise_relu, 0.f, 0.f);
#endif
    attr.set_post_ops(ops);
}

// Blocking is how a format lies in memory: the stride of every axis in elements, and the axes and sizes of its inner
// blocks from the outermost.
struct Blocking {
    Dims dims, strides, inner, axes;

    bool operator==(const Blocking &o) const {
        return dims == o.dims && strides == o.strides && inner == o.inner && axes == o.axes;
    }
};

#if DNNL_VERSION_MAJOR >= 3
inline Dims dims_of(const Desc &d) { return d.get_dims(); }
inline Type type_of(const Desc &d) { return d.get_data_type(); }
inline Blocking blocking_of(const Desc &d) {
    return {d.get_padded_dims(), d.get_strides(), d.get_inner_blks(), d.get_inner_idxs()};
}
inline bool is_blocked(const Desc &d) { return d.get_format_kind() == memory::format_kind::blocked; }
#else
inline Dims dims_of(const Desc &d) { return d.dims(); }
inline Type type_of(const Desc &d) { return d.data_type(); }
inline Blocking blocking_of(const Desc &d) {
    const auto &b = d.data.format_desc.blocking;
    const int n = d.data.ndims, m = b.inner_nblks;
    return {Dims(d.data.padded_dims, d.data.padded_dims + n), Dims(b.strides, b.strides + n),
            Dims(b.inner_blks, b.inner_blks + m), Dims(b.inner_idxs, b.inner_idxs + m)};
}
inline bool is_blocked(const Desc &d) { return d.data.format_kind == dnnl_blocked; }
#endif
inline const char *implementation(const dnnl::primitive_desc_base &p) { return p.impl_info_str(); }

} // namespace duet
