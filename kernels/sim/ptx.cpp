// ptx.cpp: as much of PTX as the driver must know: the header and the declarations of entries.
#include "module.h"

#include <algorithm>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

namespace sim {

namespace {

// without_comments leaves the lines where they are.
std::string without_comments(const char *ptx) {
    std::string text;
    for (const char *p = ptx; *p;) {
        if (p[0] == '/' && p[1] == '/') {
            while (*p && *p != '\n') p++;
        } else if (p[0] == '/' && p[1] == '*') {
            for (p += 2; *p && !(p[0] == '*' && p[1] == '/'); p++)
                if (*p == '\n') text += '\n';
            if (*p) p += 2;
        } else {
            text += *p++;
        }
    }
    return text;
}

// Words takes a text apart into names, numbers and single characters.
class Words {
  public:
    explicit Words(const std::string &text) : text(text) {}
    std::string next() {
        while (at < text.size() && isspace((unsigned char)text[at])) at++;
        if (at >= text.size()) return "";
        const size_t begin = at;
        while (at < text.size() && part_of_word(text[at])) at++;
        if (at == begin) at++;
        return text.substr(begin, at - begin);
    }

  private:
    static bool part_of_word(char c) { return isalnum((unsigned char)c) || strchr("_$.%", c); }
    const std::string &text;
    size_t at = 0;
};

uint32_t bytes_of_type(const std::string &type) {
    const size_t digit = type.find_first_of("0123456789");
    const int bits = digit == std::string::npos ? 0 : atoi(type.c_str() + digit);
    return bits == 8 || bits == 16 || bits == 32 || bits == 64 || bits == 128 ? (uint32_t)bits / 8 : 0;
}

class Reader {
  public:
    explicit Reader(const std::string &text) : words(text) {}

    Text read() {
        for (std::string w = words.next(); !w.empty() && result.problem.empty(); w = words.next()) {
            if (w == ".version") result.version = version(words.next());
            else if (w == ".target") result.target = target(words.next());
            else if (w == ".entry") entry();
            else if (w == ".func") in_function = true;
            else if (w == ".shared") shared(&variables);
            else if (in_function && waits(w)) functions_wait = true;
            else if (in_function && named(w)) of_functions.push_back(*named(w));
        }
        if (result.problem.empty() && (!result.version || !result.target))
            result.problem = "no .version or no .target: not PTX";
        for (Entry &e : result.entries) {
            e.synchronises = e.synchronises || functions_wait;
            for (const Variable &v : of_functions) use(&e, v);
        }
        return result;
    }

  private:
    static int version(const std::string &w) {
        return 10 * atoi(w.c_str()) + (w.find('.') == std::string::npos ? 0 : atoi(w.c_str() + w.find('.') + 1));
    }
    static int target(const std::string &w) { return w.compare(0, 3, "sm_") == 0 ? atoi(w.c_str() + 3) : 0; }

    // Variable is shared memory; a file's own where several entries use it.
    struct Variable {
        std::string name;
        unsigned align = 1, bytes = 0;
    };

    const Variable *named(const std::string &w) const {
        for (const Variable &v : variables)
            if (v.name == w) return &v;
        return nullptr;
    }

    // use adds a variable to those of an entry, unless it is there.
    static void use(Entry *e, const Variable &v) {
        if (!v.bytes || std::find(e->shared_names.begin(), e->shared_names.end(), v.name) != e->shared_names.end())
            return;
        e->shared_names.push_back(v.name);
        e->shared_bytes = (e->shared_bytes + v.align - 1) / v.align * v.align + v.bytes;
    }

    // waits says whether an instruction makes threads wait for each other.
    static bool waits(const std::string &w) {
        for (const char *p : {"bar.", "barrier.", "shfl.", "vote.", "match.", "redux.", "mma.", "wmma.", "ldmatrix.",
                              "activemask.", "bar", "cp.async."})
            if (w.compare(0, strlen(p), p) == 0 && (p[strlen(p) - 1] == '.' || w == p)) return true;
        return false;
    }

    void entry() {
        in_function = false;
        Entry e;
        e.name = words.next();
        std::string w = words.next();
        if (w == "(") w = parameters(&e);
        while (!w.empty() && w != "{")
            if (w == ".maxntid") e.max_threads = threads(&w);
            else w = words.next();
        body(&e);
        if (w.empty()) result.problem = "entry " + e.name + " has no body";
        result.entries.push_back(std::move(e));
    }

    // parameters reads a list ".param .align 8 .u64 name[2], ..." and what follows it.
    std::string parameters(Entry *e) {
        uint32_t bytes = 0;
        std::string w = words.next();
        for (; !w.empty() && w != ")"; w = words.next()) {
            if (w == ".param") bytes = 0;
            else if (w == ".align" || w == ".ptr") words.next();
            else if (w == "[") bytes *= (uint32_t)atoi(words.next().c_str());
            else if (w[0] == '.' && !bytes) bytes = bytes_of_type(w);
            else if (w == ",") e->parameters.push_back(bytes);
        }
        if (bytes) e->parameters.push_back(bytes);
        return words.next();
    }

    // threads reads "256, 1, 1" and leaves the word behind it in w.
    unsigned threads(std::string *w) {
        unsigned product = 1;
        do product *= (unsigned)atoi(words.next().c_str());
        while ((*w = words.next()) == ",");
        return product;
    }

    // body reads up to the closing brace.
    void body(Entry *e) {
        int depth = 1;
        for (std::string w = words.next(); !w.empty(); w = words.next()) {
            if (w == "{") depth++;
            else if (w == "}" && --depth == 0) return;
            else if (w == ".shared") {
                std::vector<Variable> own;
                shared(&own);
                use(e, own.back());
            } else if (waits(w)) e->synchronises = true;
            else if (const Variable *v = named(w)) use(e, *v);
        }
    }

    // shared reads ".align 4 .b8 name[1024];". Dynamic shared memory has no bytes.
    void shared(std::vector<Variable> *list) {
        Variable v;
        for (std::string w = words.next(); !w.empty() && w != ";"; w = words.next()) {
            if (w == ".align") v.align = std::max(1u, (unsigned)atoi(words.next().c_str()));
            else if (w == "[") v.bytes *= (unsigned)atoi(words.next().c_str());
            else if (w[0] == '.') v.bytes = bytes_of_type(w);
            else if (w != "]") v.name = w;
        }
        list->push_back(std::move(v));
    }

    Words words;
    Text result;
    std::vector<Variable> variables, of_functions;
    bool in_function = false, functions_wait = false;
};

} // namespace

Text read_ptx(const char *ptx) { return Reader(without_comments(ptx)).read(); }

} // namespace sim
