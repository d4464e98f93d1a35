#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

namespace sim {

namespace {

struct Reading {
    Settings settings;
    std::string problem;
};

// number reads a whole number from text; false when there is more or less.
bool number(const char *text, uint64_t *value) {
    if (*text < '0' || *text > '9') return false;
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !errno && !*end;
}

bool size(const char *text, size_t *value) {
    static const struct {
        const char *suffix;
        int shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    std::string digits = text;
    int shift = 0;
    for (auto u : units) {
        const size_t n = strlen(u.suffix);
        if (digits.size() > n && digits.compare(digits.size() - n, n, u.suffix) == 0) {
            digits.resize(digits.size() - n);
            shift = u.shift;
            break;
        }
    }
    uint64_t v;
    if (!number(digits.c_str(), &v) || v == 0 || v > (uint64_t)1 << (46 - shift)) return false;
    *value = v << shift;
    return true;
}

bool capability(const char *text, int *value) {
    const char *dot = strchr(text, '.');
    uint64_t major, minor;
    if (!dot || !number(std::string(text, dot).c_str(), &major) || !number(dot + 1, &minor)) return false;
    if (major < 5 || major > 12 || minor > 9) return false;
    *value = (int)(10 * major + minor);
    return true;
}

// fault reads kind:n or kind:n@device.
bool fault(std::string text, Fault *f) {
    static const struct {
        const char *name;
        Fault::Kind kind;
    } kinds[] = {{"alloc:", Fault::alloc}, {"launch:", Fault::launch}, {"copy:", Fault::copy}, {"lost:", Fault::lost}};
    f->device = -1;
    uint64_t v;
    if (const size_t at = text.find('@'); at != std::string::npos) {
        if (!number(text.c_str() + at + 1, &v) || v >= 64) return false;
        f->device = (int)v;
        text.resize(at);
    }
    for (auto k : kinds)
        if (text.compare(0, strlen(k.name), k.name) == 0) {
            f->kind = k.kind;
            return number(text.c_str() + strlen(k.name), &f->number) && f->number > 0;
        }
    return false;
}

bool faults(const char *text, std::vector<Fault> *list) {
    const std::string all = text;
    for (size_t begin = 0; begin <= all.size();) {
        size_t end = all.find(',', begin);
        if (end == std::string::npos) end = all.size();
        Fault f;
        if (!fault(all.substr(begin, end - begin), &f)) return false;
        list->push_back(f);
        begin = end + 1;
    }
    return true;
}

class Reader {
  public:
    Reading reading;

    // read hands the variable's text to parse, unless it is unset or empty.
    template <class F> void read(const char *name, const char *wanted, F parse) {
        const char *text = getenv(name);
        if (!text || !*text || parse(text) || !reading.problem.empty()) return;
        reading.problem = std::string(name) + "=" + text + ": want " + wanted;
    }
    void whole(const char *name, const char *wanted, uint64_t limit, uint64_t *value) {
        read(name, wanted, [=](const char *text) { return number(text, value) && *value <= limit; });
    }
};

Reading read_environment() {
    Reader r;
    Settings &s = r.reading.settings;
    uint64_t devices = (uint64_t)s.devices, peer = s.peer, delay = s.delay;
    r.whole("DUET_SIM_DEVICES", "a number of devices from 0 to 16", 16, &devices);
    r.whole("DUET_SIM_PEER", "0 or 1", 1, &peer);
    r.whole("DUET_SIM_DELAY", "microseconds, at most 1000000", 1000000, &delay);
    r.whole("DUET_SIM_SEED", "a number", UINT64_MAX, &s.seed);
    s.devices = (int)devices, s.peer = peer != 0, s.delay = (unsigned)delay;
    r.read("DUET_SIM_MEMORY", "a size such as 3GiB, 512MiB or a number of bytes",
           [&](const char *t) { return size(t, &s.memory); });
    r.read("DUET_SIM_CAPABILITY", "a compute capability from 5.0 to 12.9 such as 8.0",
           [&](const char *t) { return capability(t, &s.capability); });
    r.read("DUET_SIM_FAULT", "a list of alloc:N, launch:N, copy:N, lost:N, each perhaps with @device, N from 1",
           [&](const char *t) { return faults(t, &s.faults); });
    r.read("DUET_SIM_REPORT", "a file", [&](const char *t) { return s.report = t, true; });
    r.read("DUET_SIM_LOG", "a file", [&](const char *t) { return s.log = t, true; });
    for (const Fault &f : s.faults)
        if (f.device >= s.devices && r.reading.problem.empty())
            r.reading.problem =
                "DUET_SIM_FAULT: device " + std::to_string(f.device) + " of " + std::to_string(s.devices);
    return r.reading;
}

// Never destroyed: other threads may still run when the process ends.
const Reading &reading() {
    static const Reading *r = new Reading(read_environment());
    return *r;
}

} // namespace

const Settings &settings() { return reading().settings; }
const std::string &settings_problem() { return reading().problem; }

Stride::Stride(uint32_t n, Random &random) {
    if (n < 2) return;
    start = random.below(n);
    const auto divisor = [](uint32_t a, uint32_t b) {
        while (b) {
            const uint32_t r = a % b;
            a = b, b = r;
        }
        return a;
    };
    do step = 1 + random.below(n - 1);
    while (divisor(n, step) != 1);
}

} // namespace sim
