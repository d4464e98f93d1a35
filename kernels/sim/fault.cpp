#include "fault.h"
#include "diagnose.h"
#include "report.h"

#include <map>

namespace sim {

namespace {

// Calls counts what was called, of each device and (at -1) of all.
struct Calls {
    std::map<int, std::map<Called, uint64_t>> of;
    std::map<int, uint64_t> any;
};

Calls &calls() {
    static Calls *c = new Calls;
    return *c;
}

void happened(const std::string &what) {
    log("%s", what.c_str());
    StatisticsHold()->faults.push_back(what);
}

Called called_by(Fault::Kind k) {
    return k == Fault::alloc    ? Called::alloc
           : k == Fault::launch ? Called::launch
           : k == Fault::copy   ? Called::copy
                                : Called::other;
}

} // namespace

CUresult inject(const Context *context, Called called) {
    if (settings().faults.empty()) return CUDA_SUCCESS;
    const int device = context->device;
    Calls &c = calls();
    for (int d : {device, -1}) c.of[d][called]++, c.any[d]++;
    for (const Fault &f : settings().faults) {
        if (f.device >= 0 && f.device != device) continue;
        if (f.kind == Fault::lost) {
            Device &on = driver().devices[(size_t)device];
            if (c.any[f.device] < f.number || on.lost != CUDA_SUCCESS) continue;
            on.lost = CUDA_ERROR_ECC_UNCORRECTABLE;
            happened(text_of("device %d was lost at its operation %llu", device, (unsigned long long)c.any[device]));
            continue;
        }
        if (called_by(f.kind) != called || c.of[f.device][called] != f.number) continue;
        const char *const what = f.kind == Fault::alloc ? "allocation" : f.kind == Fault::launch ? "launch" : "copy";
        happened(text_of("%s %llu failed on device %d", what, (unsigned long long)f.number, device));
        return f.kind == Fault::alloc    ? CUDA_ERROR_OUT_OF_MEMORY
               : f.kind == Fault::launch ? CUDA_ERROR_LAUNCH_FAILED
                                         : CUDA_ERROR_UNKNOWN;
    }
    return CUDA_SUCCESS;
}

} // namespace sim
