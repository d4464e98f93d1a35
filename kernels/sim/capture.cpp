#include "capture.h"
#include "diagnose.h"
#include "report.h"
#include "settings.h"

#include <algorithm>
#include <utility>

namespace sim {

namespace {

// Each thread has a mode of its own, which relaxes what captures forbid it.
thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

void unite(std::vector<size_t> &to, const std::vector<size_t> &from) {
    for (size_t n : from)
        if (std::find(to.begin(), to.end(), n) == to.end()) to.push_back(n);
}

} // namespace

CUstreamCaptureMode exchange_mode(CUstreamCaptureMode mode) { return std::exchange(thread_mode, mode); }

Capture::Capture(Stream *origin, CUstreamCaptureMode mode)
    : origin(origin), mode(mode), thread(std::this_thread::get_id()) {
    streams[origin] = Tip{graph.branches++, {}};
}

CUresult Capture::add(Stream *s, const OperationRef &op) {
    if (invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    Tip &tip = streams[s];
    graph.nodes.push_back(Node{op, tip.after, tip.branch});
    tip.after.assign(1, graph.nodes.size() - 1);
    return CUDA_SUCCESS;
}

void Capture::join(Stream *s, const std::vector<size_t> &after) {
    auto i = streams.find(s);
    if (i == streams.end()) {
        i = streams.emplace(s, Tip{graph.branches++, {}}).first;
        s->capture = shared_from_this();
    }
    unite(i->second.after, after);
}

bool Capture::unjoined() const {
    std::vector<bool> reached(graph.nodes.size());
    std::vector<size_t> open = streams.at(origin).after;
    while (!open.empty()) {
        const size_t n = open.back();
        open.pop_back();
        if (reached[n]) continue;
        reached[n] = true;
        open.insert(open.end(), graph.nodes[n].after.begin(), graph.nodes[n].after.end());
    }
    return std::find(reached.begin(), reached.end(), false) != reached.end();
}

void Capture::end() {
    for (auto &s : streams) s.first->capture = nullptr;
}

GraphExec::GraphExec(Context *context, Graph g) : context(context), graph(std::move(g)) {
    for (unsigned i = 0; i < graph.branches; i++)
        lines.push_back(take_timeline(text_of("branch %u of a graph of %s", i, context->name.c_str())));
}

GraphExec::~GraphExec() {
    for (unsigned line : lines) give_timeline_back(line);
}

namespace {

// Order picks the nodes of a graph one after another, each when those before it are picked.
class Order {
  public:
    Order(const Graph &graph, uint64_t seed)
        : graph(graph), random(seed), picked(graph.nodes.size()), shuffled(seed != 0) {}

    size_t next() {
        std::vector<size_t> ready;
        for (size_t n = 0; n < graph.nodes.size(); n++) {
            const auto &after = graph.nodes[n].after;
            if (picked[n] || !std::all_of(after.begin(), after.end(), [&](size_t a) { return picked[a]; })) continue;
            if (!shuffled) return pick(n);
            ready.push_back(n);
        }
        return pick(ready[random.below((uint32_t)ready.size())]);
    }

  private:
    size_t pick(size_t n) {
        picked[n] = true;
        return n;
    }
    const Graph &graph;
    Random random;
    std::vector<bool> picked;
    const bool shuffled;
};

} // namespace

CUresult launch_graph(const StreamRef &s, const std::shared_ptr<GraphExec> &exec) {
    static uint64_t launches = 0;
    const Graph &g = exec->graph;
    const uint64_t seed = settings().seed;
    Order order(g, seed && g.branches > 1 ? seed + ++launches : 0);
    s->clock.join(driver().host);
    const Clock begin = s->clock;
    std::vector<Clock> knows(g.nodes.size());
    for (size_t i = 0; i < g.nodes.size(); i++) {
        const size_t n = g.branches > 1 ? order.next() : i;
        const Node &node = g.nodes[n];
        knows[n] = begin;
        for (size_t a : node.after) knows[n].join(knows[a]);
        Stamp stamp;
        const CUresult r = issue_as(s, node.operation, exec->lines[node.branch], knows[n], &stamp);
        if (r != CUDA_SUCCESS) return r;
        knows[n].set(stamp.line, stamp.tick);
        s->clock.join(knows[n]);
    }
    s->push([exec] {}); // it lives until then
    StatisticsHold()->graphs_launched++;
    return CUDA_SUCCESS;
}

CUresult unsafe_in_capture(const char *function) {
    if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
    for (Context *c : driver().contexts)
        for (auto &s : c->streams) {
            Capture *capture = s->capture.get();
            if (!capture || capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
            const bool mine = capture->thread == std::this_thread::get_id();
            if (!mine && (capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL ||
                          thread_mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL))
                continue;
            capture->invalidate();
            diagnose("capture", "%s is not allowed while a stream of %s is capturing", function, c->name.c_str());
            return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    return CUDA_SUCCESS;
}

} // namespace sim
