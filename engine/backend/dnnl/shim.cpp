//go:build dnnl

// shim.cpp: the machine, memory, layouts, and the life of kernels and jobs.
#include "guard.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <stdexcept>

using namespace duet;

namespace {

constexpr size_t huge_page = size_t(2) << 20;

size_t pages(size_t bytes) { return (bytes + huge_page - 1) / huge_page * huge_page; }

Type type_of_host(duet_type t) {
    switch (t) {
    case DUET_F32: return Type::f32;
    case DUET_U8: return Type::u8;
    case DUET_S32: return Type::s32;
    case DUET_BF16: return Type::bf16;
    }
    throw std::invalid_argument("unknown element type " + std::to_string(int(t)));
}

void convert(const Desc &from, const void *source, const Desc &to, void *target) {
    memory a(from, engine(), const_cast<void *>(source)), b(to, engine(), target);
    dnnl::stream stream(engine());
    dnnl::reorder(a, b).execute(stream, a, b);
    stream.wait();
}

template <class F> char *attempted(F f) {
    try {
        f();
        return nullptr;
    } catch (const std::exception &e) {
        return strdup(message(e).c_str());
    }
}

} // namespace

const char *duet_version(void) {
    static const std::string version = [] {
        const dnnl_version_t *v = dnnl_version();
        return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
    }();
    return version.c_str();
}

const char *duet_isa(void) {
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse41";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    default: return "instructions of its choice";
    }
}

int duet_has_bf16(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") && dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core_bf16;
#else
    return 0;
#endif
}

void duet_use_threads(int threads) { omp_set_num_threads(threads); }

void *duet_alloc(size_t bytes, char **error) {
    const size_t size = pages(bytes) + huge_page; // room to align
    void *raw = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        *error = strdup(strerror(errno));
        return nullptr;
    }
    char *begin = static_cast<char *>(raw);
    char *start = reinterpret_cast<char *>(pages(reinterpret_cast<uintptr_t>(raw)));
    if (start > begin) munmap(begin, start - begin);
    char *end = begin + size, *used = start + pages(bytes);
    if (end > used) munmap(used, end - used);
    madvise(start, pages(bytes), MADV_HUGEPAGE); // a wish: without it all works, slower
    return start;
}

void duet_touch(void *memory, size_t bytes) {
    const int64_t n = int64_t(pages(bytes) / huge_page);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) *(static_cast<volatile char *>(memory) + i * huge_page) = 0;
}

void duet_free(void *memory, size_t bytes) { munmap(memory, pages(bytes)); }

duet_layout *duet_plain(duet_type type, int rank, const int64_t *shape, char **error) {
    return guarded<duet_layout>(error, [&] { return Layout(plain(type_of_host(type), Dims(shape, shape + rank))); });
}

duet_layout *duet_master(const duet_layout *parameter, char **error) {
    return guarded<duet_layout>(error, [&] { return Layout(parameter->desc()); });
}

size_t duet_layout_bytes(const duet_layout *l) { return l->bytes; }

int64_t duet_layout_length(const duet_layout *l) {
    int64_t n = 1;
    for (int64_t extent : l->dims()) n *= extent;
    return n;
}

duet_type duet_layout_type(const duet_layout *l) {
    switch (l->type()) {
    case Type::bf16: return DUET_BF16;
    case Type::u8: return DUET_U8;
    case Type::s32: return DUET_S32;
    default: return DUET_F32;
    }
}

char *duet_layout_describe(const duet_layout *l) { return strdup(l->describe().c_str()); }
void duet_layout_free(duet_layout *l) { delete l; }

char *duet_upload(const duet_layout *l, void *memory, const void *host, duet_type type) {
    return attempted([&] {
        const Desc source = plain(type_of_host(type), l->dims());
        if (source == l->desc() && l->sections.size() == 1) {
            std::memcpy(memory, host, source.get_size());
            return;
        }
        for (const Section &s : l->sections) convert(source, host, s.desc, static_cast<char *>(memory) + s.offset);
    });
}

char *duet_download(const duet_layout *l, const void *memory, void *host, duet_type type) {
    return attempted([&] {
        if (l->opaque) throw std::invalid_argument("the contents of a " + l->describe() + " are oneDNN's own");
        const Desc target = plain(type_of_host(type), l->dims());
        if (target == l->desc()) std::memcpy(host, memory, target.get_size());
        else convert(l->desc(), memory, target, host);
    });
}

int duet_kernel_outputs(const duet_kernel *k) { return int(k->outputs.size()); }
duet_layout *duet_kernel_output(const duet_kernel *k, int index) {
    return new (std::nothrow) duet_layout(k->outputs[index]);
}
size_t duet_kernel_scratch(const duet_kernel *k) { return k->scratch; }
int duet_kernel_in_place(const duet_kernel *k) { return k->in_place; }
const char *duet_kernel_name(const duet_kernel *k) { return k->name.c_str(); }
void duet_kernel_free(duet_kernel *k) { delete k; }

duet_job *duet_bind(const duet_kernel *k, void *const *in, void *const *out, void *scratch, char **error) {
    return guarded<duet_job>(error, [&] { return duet_job{Job(*k, in, out, scratch), ""}; });
}

const char *duet_run(duet_job *j) {
    try {
        j->job.run();
        return nullptr;
    } catch (const std::exception &e) {
        j->failure = message(e);
        return j->failure.c_str();
    }
}

void duet_job_free(duet_job *j) { delete j; }
