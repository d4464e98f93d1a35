#include "history.h"

#include <algorithm>

namespace sim {

// split makes a span begin at an offset, where one covers it.
void History::split(size_t at) {
    auto i = spans.upper_bound(at);
    if (i == spans.begin()) return;
    --i;
    if (i->first == at || i->second.end <= at) return;
    Span rest = i->second;
    i->second.end = at;
    spans.emplace(at, std::move(rest));
}

// fill covers begin to end without gaps.
void History::fill(size_t begin, size_t end) {
    auto i = spans.lower_bound(begin);
    for (size_t at = begin; at < end;) {
        const size_t next = i == spans.end() ? end : std::min(i->first, end);
        if (at < next) spans.emplace_hint(i, at, Span{next, {}, {}});
        if (next == end) return;
        at = i->second.end;
        ++i;
    }
}

bool History::touch(size_t offset, size_t bytes, bool write, const Work &by, Conflict *conflict) {
    if (bytes == 0) return false;
    const size_t end = offset + bytes;
    bool found = false;
    const auto meets = [&](const Stamp &other, bool wrote, size_t at) {
        if (found || !other.tick || other.line == by.stamp.line || before(other, by.clock)) return;
        found = true;
        *conflict = Conflict{other, wrote, at};
    };
    split(offset);
    split(end);
    fill(offset, end);
    for (auto i = spans.find(offset); i != spans.end() && i->first < end; ++i) {
        Span &s = i->second;
        meets(s.writer, true, i->first);
        if (write)
            for (const Stamp &r : s.readers) meets(r, false, i->first);
        else {
            auto mine = std::find_if(s.readers.begin(), s.readers.end(),
                                     [&](const Stamp &r) { return r.line == by.stamp.line; });
            if (mine == s.readers.end()) s.readers.push_back(by.stamp);
            else *mine = by.stamp;
        }
    }
    if (write) {
        spans.erase(spans.find(offset), spans.lower_bound(end));
        spans.emplace(offset, Span{end, by.stamp, {}});
    }
    return found;
}

bool History::unknown(const Clock &clock, Conflict *conflict) const {
    const auto is = [&](const Stamp &s) { return s.tick && !before(s, clock); };
    for (auto &i : spans) {
        if (is(i.second.writer)) return *conflict = Conflict{i.second.writer, true, i.first}, true;
        for (const Stamp &r : i.second.readers)
            if (is(r)) return *conflict = Conflict{r, false, i.first}, true;
    }
    return false;
}

bool History::to_come(size_t offset, size_t bytes, const Clock &clock) const {
    auto i = spans.upper_bound(offset);
    if (i != spans.begin()) --i;
    for (; i != spans.end() && i->first < offset + bytes; ++i)
        if (i->second.end > offset && i->second.writer.tick && !before(i->second.writer, clock)) return true;
    return false;
}

} // namespace sim
