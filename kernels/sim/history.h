// history.h: who last wrote and read which bytes of an allocation, to find operations that touch the same bytes with
// nothing to order them. Engines keep many buffers in one allocation, so it is kept by range.
#pragma once

#include "clock.h"

#include <map>
#include <stddef.h>

namespace sim {

class History {
  public:
    struct Conflict {
        Stamp other;
        bool other_wrote;
        size_t offset; // of the first byte in common
    };

    // touch enters an access and finds the first conflict with an earlier one; false when there is none.
    bool touch(size_t offset, size_t bytes, bool write, const Work &by, Conflict *conflict);

    // unknown finds the first access that a clock does not know of; false when there is none.
    bool unknown(const Clock &clock, Conflict *conflict) const;

    // to_come says whether a write to a range is under way that a clock does not know of.
    bool to_come(size_t offset, size_t bytes, const Clock &clock) const;

  private:
    struct Span {
        size_t end;
        Stamp writer;
        std::vector<Stamp> readers; // since it was written, at most one a timeline
    };
    std::map<size_t, Span> spans; // by their first byte; they do not overlap

    void split(size_t at);
    void fill(size_t begin, size_t end);
};

} // namespace sim
