#include "report.h"
#include "checks.h"
#include "diagnose.h"
#include "settings.h"

#include <stdio.h>
#include <unistd.h>

namespace sim {

namespace {

std::mutex &lock() {
    static std::mutex *m = new std::mutex;
    return *m;
}

Statistics &all_statistics() {
    static Statistics *s = [] {
        auto made = new Statistics;
        made->devices.resize((size_t)settings().devices);
        return made;
    }();
    return *s;
}

std::string quoted(const std::string &text) {
    std::string q = "\"";
    for (unsigned char c : text) {
        if (c == '"' || c == '\\') q += std::string("\\") + (char)c;
        else if (c < 0x20) q += text_of("\\u%04x", c);
        else q += (char)c;
    }
    return q + "\"";
}

// joined lists what f makes of each element.
template <class List, class F> std::string joined(const List &list, F f) {
    std::string text;
    for (const auto &e : list) text += (text.empty() ? "" : ", ") + f(e);
    return text;
}

std::string quoted_list(const std::vector<std::string> &list) { return "[" + joined(list, quoted) + "]"; }

std::string field(const char *name, uint64_t value) { return text_of("\"%s\": %llu", name, (unsigned long long)value); }

std::string by_kernel(const std::map<std::string, uint64_t> &counts) {
    return "{" + joined(counts, [](const auto &c) { return quoted(c.first) + ": " + std::to_string(c.second); }) + "}";
}

std::string device_json(size_t index, const DeviceStatistics &d) {
    std::string text = "    {" + field("device", index);
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {{"memory", d.memory},          {"memory_peak", d.memory_peak}, {"allocations", d.allocations},
                  {"pinned", d.pinned},          {"pinned_peak", d.pinned_peak}, {"host_to_device", d.to_device},
                  {"device_to_host", d.to_host}, {"device_to_device", d.within}, {"set", d.set}};
    for (auto &f : fields) text += ", " + field(f.name, f.value);
    text += ",\n     \"launches\": " + by_kernel(d.launches);
    if (checked_build)
        text += ",\n     \"read\": " + by_kernel(d.read) + ",\n     \"written\": " + by_kernel(d.written);
    return text + "}";
}

std::string json(const Statistics &s) {
    std::string text = "{\n  \"devices\": [\n";
    for (size_t i = 0; i < s.devices.size(); i++)
        text += device_json(i, s.devices[i]) + (i + 1 < s.devices.size() ? ",\n" : "\n");
    text += "  ],\n  \"peers\": [" + joined(s.peers, [](const auto &p) {
                return "{" + field("from", (uint64_t)p.first.first) + ", " + field("to", (uint64_t)p.first.second) +
                       ", " + field("copies", p.second.copies) + ", " + field("bytes", p.second.bytes) + "}";
            });
    text += "],\n  \"graphs\": {" + field("captured", s.graphs_captured) + ", " + field("launched", s.graphs_launched) +
            "},\n";
    text += "  \"diagnostics\": [" + joined(findings(), [](const Finding &f) {
                return "\n    {\"check\": " + quoted(f.check) + ", " + field("count", f.count) +
                       ", \"texts\": " + quoted_list(f.texts) + "}";
            });
    text += "],\n  \"leaks\": " + quoted_list(s.leaks) + ",\n  \"faults\": " + quoted_list(s.faults);
    return text + ",\n  \"notes\": " + quoted_list(notes()) + "\n}\n";
}

void print(const Statistics &s) {
    for (size_t i = 0; i < s.devices.size(); i++) {
        const DeviceStatistics &d = s.devices[i];
        uint64_t launches = 0;
        for (auto &l : d.launches) launches += l.second;
        fprintf(stderr,
                "duet sim: device %zu: peak %.1f MiB, %llu launches, %.1f MiB in, %.1f MiB out, %.1f MiB within\n", i,
                (double)d.memory_peak / (1 << 20), (unsigned long long)launches, (double)d.to_device / (1 << 20),
                (double)d.to_host / (1 << 20), (double)d.within / (1 << 20));
        for (auto &l : d.launches)
            fprintf(stderr, "duet sim:   %8llu %s\n", (unsigned long long)l.second, l.first.c_str());
    }
    for (auto &p : s.peers)
        fprintf(stderr, "duet sim: device %d to %d: %llu copies, %llu bytes\n", p.first.first, p.first.second,
                (unsigned long long)p.second.copies, (unsigned long long)p.second.bytes);
    for (auto &f : findings()) fprintf(stderr, "duet sim: %llu of %s\n", (unsigned long long)f.count, f.check.c_str());
    for (auto &list : {s.leaks, s.faults, notes()})
        for (auto &text : list) fprintf(stderr, "duet sim: %s\n", text.c_str());
}

} // namespace

StatisticsHold::StatisticsHold() : all(all_statistics()), hold(lock()) {}

void write_report(bool last) {
    const std::string &name = settings().report;
    if (name.empty() || (name == "-" && !last)) return;
    Statistics copy;
    {
        StatisticsHold s;
        copy = *s.operator->();
    }
    if (name == "-") {
        print(copy);
        return;
    }
    static std::mutex *one_at_a_time = new std::mutex;
    std::lock_guard<std::mutex> hold(*one_at_a_time);
    const std::string unfinished = name + text_of(".%d.new", (int)getpid()), text = json(copy);
    FILE *f = fopen(unfinished.c_str(), "w");
    const bool written = f && fwrite(text.data(), 1, text.size(), f) == text.size();
    if ((f && fclose(f) != 0) || !written || rename(unfinished.c_str(), name.c_str()) != 0)
        fprintf(stderr, "duet sim: DUET_SIM_REPORT=%s: cannot be written\n", name.c_str());
}

} // namespace sim
