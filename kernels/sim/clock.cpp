#include "clock.h"

#include <deque>
#include <mutex>
#include <set>

namespace sim {

namespace {

enum { names_kept = 1 << 16 }; // of a timeline's latest ticks

struct Timeline {
    std::string what;
    uint32_t ticks = 0;
    std::deque<const std::string *> names; // of the latest ticks
    bool used = true;
};

struct Timelines {
    std::mutex lock;
    std::deque<Timeline> lines;
    std::set<std::string> names;
};

Timelines &timelines() {
    static Timelines *t = new Timelines;
    return *t;
}

} // namespace

unsigned take_timeline(const std::string &what) {
    Timelines &t = timelines();
    std::lock_guard<std::mutex> hold(t.lock);
    for (size_t i = 0; i < t.lines.size(); i++)
        if (!t.lines[i].used) {
            t.lines[i].used = true;
            t.lines[i].what = what;
            return (unsigned)i;
        }
    t.lines.emplace_back();
    t.lines.back().what = what;
    return (unsigned)t.lines.size() - 1;
}

void give_timeline_back(unsigned line) {
    Timelines &t = timelines();
    std::lock_guard<std::mutex> hold(t.lock);
    t.lines[line].used = false;
}

Stamp tick(unsigned line, const std::string *name) {
    Timelines &t = timelines();
    std::lock_guard<std::mutex> hold(t.lock);
    Timeline &l = t.lines[line];
    l.names.push_back(name);
    if (l.names.size() > names_kept) l.names.pop_front();
    return Stamp{line, ++l.ticks};
}

std::string name_of(const Stamp &s) {
    Timelines &t = timelines();
    std::lock_guard<std::mutex> hold(t.lock);
    const Timeline &l = t.lines[s.line];
    const uint32_t age = l.ticks - s.tick;
    const std::string name = age < l.names.size() ? *l.names[l.names.size() - 1 - age] : "an operation long ago";
    return name + " on " + l.what;
}

const std::string *interned(const std::string &name) {
    Timelines &t = timelines();
    std::lock_guard<std::mutex> hold(t.lock);
    return &*t.names.insert(name).first;
}

} // namespace sim
