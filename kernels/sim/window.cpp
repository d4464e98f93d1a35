// window.cpp: the checks of the ptx build, whose code asks before it accesses memory.
#include "running.h"
#include "diagnose.h"

#include <dlfcn.h>

namespace sim {

namespace {

// An instruction's address is that of the call.
#define CALL_SITE (static_cast<const char *>(__builtin_return_address(0)) - 1)

// in_ptx is the line of the PTX: the place without those of the ptx_*.h that are inlined there.
std::string in_ptx(const void *instruction) {
    std::string place = place_of(instruction);
    for (size_t from; place.compare(0, 4, "ptx_") == 0 && (from = place.find(" from ")) != std::string::npos;)
        place.erase(0, from + 6);
    return place;
}

[[noreturn]] void refuse(CUresult error, const char *check, const void *at, uint64_t address, unsigned bytes,
                         const std::string &why) {
    Running &r = *running;
    diagnose(check, "%s, at %s: access of %u bytes to 0x%llx, %s", r.where().c_str(), in_ptx(at).c_str(), bytes,
             (unsigned long long)address, why.c_str());
    r.abandon(error);
}

// constant says whether an address is of this library's image, which has the variables of modules.
bool constant(uint64_t address) {
    static const int here = 0;
    Dl_info own, its;
    return dladdr(&here, &own) && dladdr(reinterpret_cast<const void *>(address), &its) &&
           own.dli_fbase == its.dli_fbase;
}

// set opens a window for accesses of so many bytes.
void set(Window &w, uint64_t begin, uint64_t size, unsigned bytes) {
    w.begin = begin;
    w.room = size >= bytes ? size - bytes + 1 : 0;
}

} // namespace

// The windows of a thread of the host; a launch begins with none open.
Window *fresh_windows() {
    static thread_local Window all[windows];
    memset(all, 0, sizeof all);
    return all;
}

bool on_stack(const void *p) {
    const Running &r = *running;
    return r.stacks.contains(p) || (p >= (const void *)r.stack_low && p < (const void *)r.stack_high);
}

void find_window(uint64_t address, unsigned bytes, unsigned alignment, Window &w) {
    const void *const at = CALL_SITE;
    Running &r = *running;
    if (address % alignment != 0)
        refuse(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned access", at, address, bytes,
               text_of("which is no multiple of %u", alignment));
    if (auto a = find(address); a && a->contains(address, bytes)) {
        std::string reason;
        Hold hold(driver().lock);
        const bool ours = usable(r.launch->context, *a, &reason);
        hold.unlock();
        if (!ours) refuse(CUDA_ERROR_ILLEGAL_ADDRESS, "foreign memory", at, address, bytes, reason);
        set(w, a->address, a->bytes, bytes);
        return;
    }
    // A generic address may be of another space.
    const uint64_t shared = reinterpret_cast<uint64_t>(r.block.shared);
    if (address - shared < r.block.shared_bytes && bytes <= r.block.shared_bytes - (address - shared)) {
        set(w, shared, r.block.shared_bytes, bytes);
        return;
    }
    if (on_stack(reinterpret_cast<const void *>(address)) || constant(address)) return; // and asked again the next time
    const bool inside = find(address) != nullptr;                                       // but its end is not
    refuse(CUDA_ERROR_ILLEGAL_ADDRESS, !inside && find_freed(address) ? "use after free" : "out of bounds", at, address,
           bytes, describe_address(inside ? address + bytes - 1 : address));
}

void bad_shared(uint64_t address, unsigned bytes) {
    const void *const at = CALL_SITE;
    if (address % bytes != 0)
        refuse(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned access", at, address, bytes,
               "an address in shared memory that is no multiple of them");
    refuse(CUDA_ERROR_ILLEGAL_ADDRESS, "out of bounds", at, address, bytes,
           text_of("and the block has %u bytes of shared memory", running->block.shared_bytes));
}

void trap(Site at) {
    diagnose("trap", "%s: at %s:%d", running->where().c_str(), at.file, at.line);
    running->abandon(CUDA_ERROR_LAUNCH_FAILED);
}

} // namespace sim
