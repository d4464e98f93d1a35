#include "cells.h"
#include "checks.h"
#include "diagnose.h"
#include "memory.h"

#include <sys/mman.h>

namespace sim {

Cells::Cells(size_t bytes)
    : cells(static_cast<Cell *>(mmap(nullptr, (bytes / word + 1) * sizeof(Cell), PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))),
      count(bytes / word + 1) {}

Cells::~Cells() { munmap(cells, count * sizeof(Cell)); }

void Cells::forget() {
    mmap(cells, count * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
         -1, 0);
}

Cells &cells_of(Allocation &a) {
    std::lock_guard<std::mutex> hold(a.lock);
    if (!a.cells) a.cells.reset(new Cells(a.bytes));
    return *a.cells;
}

namespace {

// Known remembers the last stamp that was found to be ordered: neighbours mostly have the same.
class Known {
  public:
    explicit Known(const Work &work) : work(work) {}
    bool operator()(uint64_t stamp) {
        if (stamp == last) return true;
        if (!ordered(stamp, work)) return false;
        last = stamp;
        return true;
    }

  private:
    const Work &work;
    uint64_t last = 0;
};

} // namespace

void touch_cells(uintptr_t address, size_t bytes, bool write, const Work &work) {
    if (!checked_build || bytes == 0) return;
    auto a = find(address);
    if (!a || !a->contains(address, bytes)) return;
    Cells &cells = cells_of(*a);
    const uint64_t me = packed(work.stamp), all = cells.all;
    const Who everyone{15, 0, 0, 0, Who::of_blocks, 0, 0, 0};
    const size_t offset = address - a->address;
    const bool whole = write && bytes == a->bytes;
    Known write_known(work), read_known(work);
    bool said = false;
    for (size_t i = offset / word; i <= (offset + bytes - 1) / word; i++) {
        Cell &c = cells.cells[i];
        const uint64_t stamp = c.write.at(), wrote = stamp ? stamp : all, read = c.read.at();
        const bool after_write = write_known(wrote), after_read = !write || read_known(read);
        if (!said && !(after_write && after_read)) {
            said = true;
            diagnose("missing event", "%s %s byte %zu of %s, which %s %s: no event or wait orders them",
                     name_of(work.stamp).c_str(), write ? "writes" : "reads", i * word, describe(*a).c_str(),
                     name_of(stamp_of(after_write ? read : wrote)).c_str(), after_write ? "read" : "wrote");
        }
        if (!whole) (write ? c.write : c.read).set(me, everyone);
    }
    if (whole) {
        cells.all = me;
        cells.forget();
    }
}

} // namespace sim
