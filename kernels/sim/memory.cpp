#include "memory.h"
#include "cells.h"
#include "context.h"
#include "diagnose.h"

#include <algorithm>
#include <deque>
#include <map>
#include <shared_mutex>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace sim {

Allocation::Allocation() = default;
Allocation::~Allocation() { munmap(map, map_bytes); }

namespace {

constexpr size_t page = 4096, grain = 256, template_bytes = (size_t)32 << 20, freed_kept = 4096;
constexpr uint8_t fresh_device = 0xff, fresh_host = 0xa5;

struct Table {
    std::shared_mutex lock;
    std::map<uintptr_t, std::shared_ptr<Allocation>> live, freed;
    std::deque<std::shared_ptr<Allocation>> oldest; // of the freed
    uint64_t count = 0;
};

Table &table() {
    static Table *t = new Table;
    return *t;
}

using Map = std::map<uintptr_t, std::shared_ptr<Allocation>>;

std::shared_ptr<Allocation> look(const Map &map, uintptr_t p) {
    auto i = map.upper_bound(p);
    if (i == map.begin()) return nullptr;
    --i;
    return p - i->second->address < std::max<size_t>(i->second->bytes, 1) ? i->second : nullptr;
}

size_t rounded_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

// template_file holds 0xff, for private mappings: the machine copies a page of it when it is first written.
int template_file() {
    static const int file = [] {
        const int f = memfd_create("duet-sim-fresh", MFD_CLOEXEC);
        if (f < 0 || ftruncate(f, template_bytes) != 0) return -1;
        const std::vector<uint8_t> fill((size_t)1 << 20, fresh_device);
        for (size_t at = 0; at < template_bytes; at += fill.size())
            if (pwrite(f, fill.data(), fill.size(), (off_t)at) != (ssize_t)fill.size()) return -1;
        return f;
    }();
    return file;
}

// map_fresh maps n bytes of fresh device memory at p; both whole pages.
bool map_fresh(char *p, size_t n) {
    const int file = template_file();
    if (file < 0) return false;
    for (size_t at = 0; at < n; at += template_bytes) {
        const size_t part = std::min(template_bytes, n - at);
        if (mmap(p + at, part, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, 0) == MAP_FAILED)
            return false;
    }
    return true;
}

bool map_host(char *p, size_t n) {
    if (mprotect(p, n, PROT_READ | PROT_WRITE) != 0) return false;
    memset(p, fresh_host, n);
    return true;
}

// written_past finds a byte behind the end that is not as it was.
size_t written_past(const Allocation &a) {
    const uint8_t fill = a.host ? fresh_host : fresh_device;
    const uint8_t *p = reinterpret_cast<const uint8_t *>(a.address);
    for (size_t i = a.bytes; i < rounded_up(a.bytes, grain); i++)
        if (p[i] != fill) return i;
    return 0;
}

} // namespace

std::shared_ptr<Allocation> allocate(size_t bytes, bool host, bool portable, Context *context, int device) {
    const size_t inner = rounded_up(bytes, grain), pages = rounded_up(inner, page), all = pages + 2 * page;
    void *map = mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return nullptr;
    char *usable = static_cast<char *>(map) + page;
    if (!(host ? map_host(usable, pages) : map_fresh(usable, pages))) {
        munmap(map, all);
        return nullptr;
    }
    auto a = std::make_shared<Allocation>();
    a->address = reinterpret_cast<uintptr_t>(usable + pages - inner);
    a->bytes = bytes;
    a->map = static_cast<char *>(map), a->map_bytes = all;
    a->host = host, a->portable = portable;
    a->context = context, a->device = device;
    Table &t = table();
    std::unique_lock<std::shared_mutex> hold(t.lock);
    a->number = ++t.count;
    t.live[a->address] = a;
    return a;
}

void release(const std::shared_ptr<Allocation> &a) {
    if (const size_t at = written_past(*a))
        diagnose("out of bounds", "byte %zu of %s was written, behind its end", at, describe(*a).c_str());
    // A new mapping of nothing gives the memory back and keeps the addresses.
    mmap(a->map, a->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    {
        std::lock_guard<std::mutex> hold(a->lock);
        if (a->cells) a->cells->forget(); // which gives their memory back too
    }
    Table &t = table();
    std::unique_lock<std::shared_mutex> hold(t.lock);
    a->freed = true;
    t.live.erase(a->address);
    t.freed[a->address] = a;
    t.oldest.push_back(a);
    if (t.oldest.size() > freed_kept) {
        t.freed.erase(t.oldest.front()->address);
        t.oldest.pop_front();
    }
}

std::shared_ptr<Allocation> find(uintptr_t p) {
    Table &t = table();
    std::shared_lock<std::shared_mutex> hold(t.lock);
    return look(t.live, p);
}

std::shared_ptr<Allocation> find_freed(uintptr_t p) {
    Table &t = table();
    std::shared_lock<std::shared_mutex> hold(t.lock);
    return look(t.freed, p);
}

std::vector<std::shared_ptr<Allocation>> owned(const Context *context) {
    Table &t = table();
    std::shared_lock<std::shared_mutex> hold(t.lock);
    std::vector<std::shared_ptr<Allocation>> list;
    for (auto &i : t.live)
        if (i.second->context == context) list.push_back(i.second);
    return list;
}

std::string describe(const Allocation &a) {
    if (a.host) return text_of("pinned allocation %llu of %zu bytes", (unsigned long long)a.number, a.bytes);
    return text_of("allocation %llu of %zu bytes of device %d", (unsigned long long)a.number, a.bytes, a.device);
}

namespace {

// neighbour is the allocation nearest to an address, at most a mapping's reach away.
std::shared_ptr<Allocation> neighbour(uintptr_t p) {
    Table &t = table();
    std::shared_lock<std::shared_mutex> hold(t.lock);
    auto i = t.live.upper_bound(p);
    const size_t reach = (size_t)1 << 20;
    const auto above = i != t.live.end() && i->second->address - p <= reach ? i->second : nullptr;
    if (i == t.live.begin()) return above;
    --i;
    const auto below = p - (i->second->address + i->second->bytes) <= reach ? i->second : nullptr;
    return !above || (below && p - (below->address + below->bytes) <= above->address - p) ? below : above;
}

} // namespace

std::string describe_address(uintptr_t p) {
    if (auto a = find(p)) return text_of("byte %zu of %s", (size_t)(p - a->address), describe(*a).c_str());
    if (auto a = find_freed(p)) return text_of("byte %zu of freed %s", (size_t)(p - a->address), describe(*a).c_str());
    auto a = neighbour(p);
    if (!a) return "no device memory";
    if (p < a->address) return text_of("%zu bytes before %s", (size_t)(a->address - p), describe(*a).c_str());
    return text_of("%zu bytes behind the end of %s", (size_t)(p - a->address - a->bytes), describe(*a).c_str());
}

bool usable(const Context *by, const Allocation &a, std::string *reason) {
    if (a.host || a.context == by) return true;
    if (by->peers.count(a.context)) return true;
    if (a.device == by->device) {
        *reason = text_of("memory of another context of device %d, without peer access", a.device);
        return false;
    }
    *reason = text_of("memory of device %d used on device %d without peer access", a.device, by->device);
    return false;
}

void clear_bytes(uintptr_t p, uint8_t value, size_t n) {
    const uintptr_t first = rounded_up(p, page), last = (p + n) / page * page;
    if (value != 0 || n < (size_t)4 << 20 || first >= last) {
        memset(reinterpret_cast<void *>(p), value, n);
        return;
    }
    memset(reinterpret_cast<void *>(p), 0, first - p);
    if (mmap(reinterpret_cast<void *>(first), last - first, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        memset(reinterpret_cast<void *>(first), 0, last - first);
    memset(reinterpret_cast<void *>(last), 0, p + n - last);
}

} // namespace sim
