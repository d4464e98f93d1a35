#include "diagnose.h"
#include "report.h"
#include "settings.h"

#include <algorithm>
#include <dlfcn.h>
#include <mutex>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace sim {

namespace {

enum { texts_of_a_check = 20, notes_kept = 200 };

struct Said {
    std::mutex lock;
    std::vector<Finding> findings;
    std::vector<std::string> notes;
};

Said &said() {
    static Said *s = new Said; // never destroyed, like everything that outlives main
    return *s;
}

std::string formatted(const char *format, va_list arguments) {
    char text[1200];
    vsnprintf(text, sizeof text, format, arguments);
    return text;
}

FILE *log_file() {
    static FILE *const file = [] {
        const std::string &name = settings().log;
        if (name.empty()) return (FILE *)nullptr;
        FILE *f = name == "-" ? stderr : fopen(name.c_str(), "a");
        if (!f) fprintf(stderr, "duet sim: DUET_SIM_LOG=%s: cannot be written\n", name.c_str());
        return f;
    }();
    return file;
}

// count adds a finding and says whether its text is among those that are kept.
bool count(const char *check, const std::string &text) {
    Said &s = said();
    std::lock_guard<std::mutex> hold(s.lock);
    auto f = std::find_if(s.findings.begin(), s.findings.end(), [&](const Finding &f) { return f.check == check; });
    if (f == s.findings.end()) f = s.findings.insert(f, Finding{check, 0, {}});
    f->count++;
    if (f->texts.size() >= texts_of_a_check) return false;
    f->texts.push_back(text);
    return true;
}

} // namespace

void diagnose(const char *check, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const std::string text = formatted(format, arguments);
    va_end(arguments);
    if (count(check, text)) fprintf(stderr, "duet sim: %s: %s\n", check, text.c_str());
    log("%s: %s", check, text.c_str());
    write_report();
}

void note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const std::string text = formatted(format, arguments);
    va_end(arguments);
    {
        Said &s = said();
        std::lock_guard<std::mutex> hold(s.lock);
        if (s.notes.size() >= notes_kept || std::find(s.notes.begin(), s.notes.end(), text) != s.notes.end()) return;
        s.notes.push_back(text);
    }
    log("note: %s", text.c_str());
}

bool logging() { return log_file() != nullptr; }

void log(const char *format, ...) {
    FILE *f = log_file();
    if (!f) return;
    va_list arguments;
    va_start(arguments, format);
    const std::string text = formatted(format, arguments) + "\n";
    va_end(arguments);
    fputs(text.c_str(), f); // one call a line: streams log at the same time
    fflush(f);
}

std::string text_of(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::string text = formatted(format, arguments);
    va_end(arguments);
    return text;
}

// addr2line writes a line "/path/to/pool.cu:12 (discriminator 2)" for each level of inlining, the innermost first.
std::string place_of(const void *instruction) {
    Dl_info info;
    if (!dladdr(instruction, &info) || !info.dli_fname) return "an unknown place";
    const size_t offset = (size_t)((const char *)instruction - (const char *)info.dli_fbase);
    const std::string command = text_of("addr2line -i -e '%s' 0x%zx 2>/dev/null", info.dli_fname, offset);
    std::string place;
    if (FILE *f = popen(command.c_str(), "r")) {
        char line[1024];
        std::string last;
        while (fgets(line, sizeof line, f)) {
            const char *base = strrchr(line, '/') ? strrchr(line, '/') + 1 : line;
            const std::string here(base, strcspn(base, " \n"));
            if (here.find('?') != std::string::npos || here == last) continue;
            if (here.compare(0, 7, "table.h") == 0) break; // the call of the kernel
            place += (place.empty() ? "" : " from ") + here;
            last = here;
        }
        pclose(f);
    }
    if (!place.empty()) return place;
    const char *name = strrchr(info.dli_fname, '/');
    return text_of("%s+0x%zx", name ? name + 1 : info.dli_fname, offset); // without addr2line
}

std::vector<Finding> findings() {
    std::lock_guard<std::mutex> hold(said().lock);
    return said().findings;
}

std::vector<std::string> notes() {
    std::lock_guard<std::mutex> hold(said().lock);
    return said().notes;
}

} // namespace sim
