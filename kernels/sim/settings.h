// settings.h: what the environment asks of the driver; README.md lists the variables.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string>
#include <vector>

namespace sim {

struct Fault {
    enum Kind { alloc, launch, copy, lost };
    Kind kind;
    uint64_t number; // the n-th call of its kind fails, counted from 1
    int device;      // of this device's calls; -1 of all
};

struct Settings {
    int devices = 2;
    size_t memory = (size_t)3 << 30; // a device's
    int capability = 80;             // 80 for 8.0
    bool peer = true;
    unsigned delay = 0; // microseconds at most before each operation
    uint64_t seed = 0;  // 0: blocks and threads in their natural order
    std::vector<Fault> faults;
    std::string report, log; // file names; "-" is stderr, empty none
};

// settings are read from the environment when they are first asked for.
const Settings &settings();

// settings_problem says which variable has a bad value; empty when none has.
const std::string &settings_problem();

// Random is a small generator of its own, so that order and delays repeat with the seed.
class Random {
  public:
    explicit Random(uint64_t seed) : state(seed * 2 + 1) {}
    uint32_t next() {
        state += 0x9e3779b97f4a7c15u; // splitmix64
        uint64_t z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return (uint32_t)(z >> 32);
    }
    uint32_t below(uint32_t n) { return (uint32_t)((uint64_t)next() * n >> 32); }

  private:
    uint64_t state;
};

// Stride visits each of 0..n-1 once, in an order of its own: start, start+step, ... modulo n, step coprime to n.
struct Stride {
    uint32_t start = 0, step = 1;
    Stride() = default;
    Stride(uint32_t n, Random &random);
};

} // namespace sim
