#include "pinned.h"
#include "diagnose.h"

#include <algorithm>
#include <string.h>

namespace sim {

namespace {

std::vector<PinnedReadRef> &watched() { // under the driver's lock
    static std::vector<PinnedReadRef> *w = new std::vector<PinnedReadRef>;
    return *w;
}

uint64_t sum_of(const char *p, size_t n) {
    constexpr uint64_t prime = 0x9e3779b97f4a7c15;
    uint64_t lanes[4] = {n, 1, 2, 3};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (size_t l = 0; l < 4; l++) {
            uint64_t v;
            memcpy(&v, p + i + 8 * l, 8);
            lanes[l] = (lanes[l] ^ v) * prime;
            lanes[l] ^= lanes[l] >> 29;
        }
    for (; i < n; i++) lanes[0] = (lanes[0] ^ (uint8_t)p[i]) * prime;
    return lanes[0] + lanes[1] * prime + (lanes[2] ^ lanes[3] * prime);
}

} // namespace

PinnedRead::PinnedRead(const Context *by, std::shared_ptr<Allocation> a, uintptr_t address, size_t bytes)
    : context(by), allocation(std::move(a)), address(address), bytes(bytes) {
    std::lock_guard<std::mutex> hold(allocation->lock);
    if (allocation->history.to_come(address - allocation->address, bytes, driver().host)) return; // ran knows
    found = sums();
    known = true;
}

void PinnedRead::ran() {
    if (known) return;
    found = sums();
    known = true;
}

void PinnedRead::enqueued(const Stamp &by) { stamp = by; }

std::vector<uint64_t> PinnedRead::sums() const {
    std::vector<uint64_t> s;
    for (size_t at = 0; at < bytes; at += piece)
        s.push_back(sum_of(reinterpret_cast<const char *>(address + at), std::min(piece, bytes - at)));
    return s;
}

void PinnedRead::compare() const {
    if (!known || allocation->freed || failure(context) != CUDA_SUCCESS) return; // after a failure nothing is copied
    const auto now = sums();
    for (size_t i = 0; i < now.size(); i++) {
        if (now[i] == found[i]) continue;
        const size_t first = address - allocation->address + i * piece;
        diagnose("written in use",
                 "bytes %zu to %zu of %s: the host wrote there before it had waited for %s, which reads them", first,
                 std::min(first + piece, address - allocation->address + bytes) - 1, describe(*allocation).c_str(),
                 name_of(stamp).c_str());
        return;
    }
}

void watch(const PinnedReadRef &r) { watched().push_back(r); }

void work_writes(uintptr_t p, size_t n) {
    auto &w = watched();
    w.erase(std::remove_if(w.begin(), w.end(), [&](const PinnedReadRef &r) { return r->meets(p, n); }), w.end());
}

void host_learns(const Clock &knows) {
    Clock &host = driver().host;
    host.join(knows);
    auto &w = watched();
    const auto done = std::stable_partition(w.begin(), w.end(), [&](const PinnedReadRef &r) { return !r->done(host); });
    for (auto r = done; r != w.end(); ++r) (*r)->compare();
    w.erase(done, w.end());
}

} // namespace sim
