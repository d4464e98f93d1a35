#include "own.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <map>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sim {

namespace {

struct Own {
    Range image, locals;
};

int find_own(dl_phdr_info *info, size_t, void *result) {
    const uintptr_t here = reinterpret_cast<uintptr_t>(&find_own);
    uintptr_t low = UINTPTR_MAX, high = 0;
    size_t locals = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const auto &p = info->dlpi_phdr[i];
        if (p.p_type == PT_TLS) locals = p.p_memsz;
        if (p.p_type != PT_LOAD) continue;
        const uintptr_t begin = info->dlpi_addr + p.p_vaddr;
        low = begin < low ? begin : low;
        high = begin + p.p_memsz > high ? begin + p.p_memsz : high;
    }
    if (here < low || here >= high) return 0;
    Own *own = static_cast<Own *>(result);
    own->image = Range{low, high - low};
    own->locals = Range{reinterpret_cast<uintptr_t>(info->dlpi_tls_data), info->dlpi_tls_data ? locals : 0};
    return 1;
}

// This is TLS itself: when it is made, so is the rest of the library's.
const Own &own() {
    static thread_local Own o = [] {
        Own found;
        dl_iterate_phdr(find_own, &found);
        return found;
    }();
    return o;
}

// plain is a name as the source has it: demangled, without the namespace that nvcc wraps a file's own functions in.
std::string plain(const char *mangled) {
    int failed;
    char *text = abi::__cxa_demangle(mangled, nullptr, nullptr, &failed);
    std::string name = failed ? mangled : text;
    free(text);
    for (size_t at; (at = name.find("_INTERNAL_")) != std::string::npos;) {
        const size_t end = name.find("::", at);
        if (end == std::string::npos) break;
        name.erase(at, end + 2 - at);
    }
    return name;
}

using Variables = std::multimap<std::string, SharedVariable>;

// File is the library's file, for its symbols, which the loader does not map.
class File {
  public:
    explicit File(const char *name) {
        const int f = open(name, O_RDONLY | O_CLOEXEC);
        struct stat s;
        if (f >= 0 && fstat(f, &s) == 0) {
            void *p = mmap(nullptr, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, f, 0);
            if (p != MAP_FAILED) begin = static_cast<const char *>(p), bytes = (size_t)s.st_size;
        }
        if (f >= 0) close(f);
    }
    ~File() {
        if (begin) munmap(const_cast<char *>(begin), bytes);
    }
    // at is what lies at an offset; null when the file is too short.
    template <class T> const T *at(size_t offset, size_t count = 1) const {
        return begin && offset <= bytes && count <= (bytes - offset) / sizeof(T)
                   ? reinterpret_cast<const T *>(begin + offset)
                   : nullptr;
    }

  private:
    const char *begin = nullptr;
    size_t bytes = 0;
};

void add_symbols(const File &file, const Elf64_Shdr &symbols, const Elf64_Shdr &strings, Variables *list) {
    const size_t count = symbols.sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *s = file.at<Elf64_Sym>(symbols.sh_offset, count);
    const char *names = file.at<char>(strings.sh_offset, strings.sh_size);
    if (!s || !names) return;
    for (size_t i = 0; i < count; i++) {
        if (ELF64_ST_TYPE(s[i].st_info) != STT_TLS || s[i].st_name >= strings.sh_size) continue;
        const std::string name = plain(names + s[i].st_name);
        list->emplace(name, SharedVariable{name, s[i].st_value, s[i].st_size});
    }
}

Variables read_variables() {
    Variables list;
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&find_own), &info) || !info.dli_fname) return list;
    const File file(info.dli_fname);
    const auto *header = file.at<Elf64_Ehdr>(0);
    const auto *sections = header ? file.at<Elf64_Shdr>(header->e_shoff, header->e_shnum) : nullptr;
    if (!sections) return list;
    for (unsigned i = 0; i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < header->e_shnum)
            add_symbols(file, sections[i], sections[sections[i].sh_link], &list);
    return list;
}

} // namespace

Range own_image() { return own().image; }
Range own_locals() { return own().locals; }

std::vector<SharedVariable> shared_variables(const std::string &ptx_name) {
    static const Variables *const all = new Variables(read_variables());
    std::vector<SharedVariable> found;
    const auto range = all->equal_range(plain(ptx_name.c_str()));
    for (auto i = range.first; i != range.second; ++i) found.push_back(i->second);
    return found;
}

} // namespace sim
