// clock.h: which operations happened before which, by vector clocks. Every stream is a timeline, every operation on it
// a tick. An operation knows of each timeline the latest tick that is ordered before it.
#pragma once

#include <stdint.h>
#include <string>
#include <vector>

namespace sim {

class Clock {
  public:
    uint32_t at(unsigned line) const { return line < ticks.size() ? ticks[line] : 0; }
    void set(unsigned line, uint32_t tick) {
        if (line >= ticks.size()) ticks.resize(line + 1);
        ticks[line] = tick;
    }
    // knows says whether all that another clock knows of a line is known here.
    bool knows(const Clock &other, unsigned line) const { return at(line) >= other.at(line); }
    void join(const Clock &other) {
        if (other.ticks.size() > ticks.size()) ticks.resize(other.ticks.size());
        for (size_t i = 0; i < other.ticks.size(); i++)
            if (other.ticks[i] > ticks[i]) ticks[i] = other.ticks[i];
    }

  private:
    std::vector<uint32_t> ticks;
};

// Stamp is one operation: a tick of a timeline. No operation has tick 0.
struct Stamp {
    uint32_t line = 0, tick = 0;
};

inline bool before(const Stamp &s, const Clock &c) { return s.tick <= c.at(s.line); }

// Work is an operation that was issued: when, knowing what, and as what to name it.
struct Work {
    Stamp stamp;
    Clock clock;
    const std::string *name; // lives for ever
};

// Timelines give lines out and keep the names of their ticks. A line that was given back goes on where it ended: all
// that happens later knows its past, because its end was waited for.
unsigned take_timeline(const std::string &what);
void give_timeline_back(unsigned line);
Stamp tick(unsigned line, const std::string *name);
std::string name_of(const Stamp &s); // "conv2_forward on stream 3 of device 0"

const std::string *interned(const std::string &name);

} // namespace sim
