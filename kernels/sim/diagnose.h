// diagnose.h: what the driver says about the program that uses it.
#pragma once

#include <stdint.h>
#include <string>
#include <vector>

namespace sim {

// diagnose reports a bug of the program, on stderr and in the report. check names the kind of bug, as README.md lists
// them. The texts of a check are limited, its count is not.
void diagnose(const char *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

// note reports what is allowed but probably not meant; each text once, only in the report and the log.
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

// log writes a line to DUET_SIM_LOG.
void log(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool logging();

std::string text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

// place_of is the source line of an instruction of ours, with the lines it was inlined at: "pool.cu:12 from
// pool.cu:40".
std::string place_of(const void *instruction);

struct Finding {
    std::string check;
    uint64_t count;
    std::vector<std::string> texts;
};

std::vector<Finding> findings();
std::vector<std::string> notes();

} // namespace sim
