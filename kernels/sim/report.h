// report.h: what happened on the devices, for DUET_SIM_REPORT.
#pragma once

#include <map>
#include <mutex>
#include <stdint.h>
#include <string>
#include <vector>

namespace sim {

struct DeviceStatistics {
    uint64_t memory = 0, memory_peak = 0, allocations = 0;
    uint64_t pinned = 0, pinned_peak = 0;                     // of the host's memory, for this device's contexts
    uint64_t to_device = 0, to_host = 0, within = 0, set = 0; // bytes
    std::map<std::string, uint64_t> launches;                 // by kernel
    std::map<std::string, uint64_t> read, written;            // bytes by kernel, of the checked build (Checks)
};

struct PeerStatistics {
    uint64_t copies = 0, bytes = 0;
};

struct Statistics {
    std::vector<DeviceStatistics> devices;
    std::map<std::pair<int, int>, PeerStatistics> peers; // from, to; of one device, between its contexts
    uint64_t graphs_captured = 0, graphs_launched = 0;
    std::vector<std::string> leaks, faults;
};

// StatisticsHold is the statistics while it lives. Nothing is called under it.
class StatisticsHold {
  public:
    StatisticsHold();
    Statistics *operator->() { return &all; }

  private:
    Statistics &all;
    std::lock_guard<std::mutex> hold;
};

// write_report writes the file that DUET_SIM_REPORT names; in whole, so that a reader never sees half of one. Only the
// last report goes to stderr.
void write_report(bool last = false);

} // namespace sim
