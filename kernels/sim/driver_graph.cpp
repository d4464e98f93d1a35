// driver_graph.cpp: stream capture, and graphs made by it.
#include "driver.h"
#include "capture.h"
#include "report.h"

#include <set>
#include <utility>

using namespace sim;

namespace {

// Captured are the graphs that were captured and not yet destroyed. Graphs are of no context.
std::set<std::shared_ptr<Graph>> &captured() {
    static auto *all = new std::set<std::shared_ptr<Graph>>;
    return *all;
}

std::shared_ptr<Graph> graph_of(CUgraph handle, const char *function) {
    for (auto &g : captured())
        if (g.get() == reinterpret_cast<Graph *>(handle)) return g;
    diagnose("bad handle", "%s: not a graph, or a destroyed one", function);
    return nullptr;
}

std::shared_ptr<GraphExec> exec_of(CUgraphExec handle, const char *function) {
    for (Context *c : driver().contexts)
        for (auto &g : c->graphs)
            if (g.get() == reinterpret_cast<GraphExec *>(handle)) return g;
    diagnose("bad handle", "%s: not an instantiated graph, or a destroyed one", function);
    return nullptr;
}

CUresult begin(CUstream handle, CUstreamCaptureMode mode) {
    ENTER;
    StreamRef s;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamBeginCapture", &s));
    if ((unsigned)mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
    if (s->legacy) {
        diagnose("capture", "cuStreamBeginCapture of the legacy stream");
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    if (s->capture) return CUDA_ERROR_ILLEGAL_STATE;
    s->capture = std::make_shared<Capture>(s.get(), mode);
    return CUDA_SUCCESS;
}

CUresult instantiate(CUgraphExec *made, CUgraph handle) {
    ENTER;
    if (!made) return CUDA_ERROR_INVALID_VALUE;
    auto g = graph_of(handle, "cuGraphInstantiate");
    if (!g) return CUDA_ERROR_INVALID_VALUE;
    auto exec = std::make_shared<GraphExec>(context, *g);
    context->graphs.insert(exec);
    *made = reinterpret_cast<CUgraphExec>(exec.get());
    return CUDA_SUCCESS;
}

} // namespace

size_t sim::captured_graphs() { return captured().size(); }

#undef cuStreamBeginCapture
DRIVER_CALL cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode) { return begin(stream, mode); }
DRIVER_CALL cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) { return begin(stream, mode); }

DRIVER_CALL cuStreamEndCapture(CUstream handle, CUgraph *graph) {
    ENTER;
    StreamRef s;
    if (!graph) return CUDA_ERROR_INVALID_VALUE;
    *graph = nullptr;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamEndCapture", &s));
    const std::shared_ptr<Capture> c = s->capture;
    if (!c) return CUDA_ERROR_ILLEGAL_STATE;
    if (c->origin != s.get()) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    if (c->mode != CU_STREAM_CAPTURE_MODE_RELAXED && c->thread != std::this_thread::get_id())
        return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    c->end();
    if (c->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (c->unjoined()) {
        diagnose("capture",
                 "cuStreamEndCapture: work of another stream is not joined to the one that the capture began on");
        return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    }
    auto g = std::make_shared<Graph>(c->graph);
    captured().insert(g);
    StatisticsHold()->graphs_captured++;
    *graph = reinterpret_cast<CUgraph>(g.get());
    return CUDA_SUCCESS;
}

DRIVER_CALL cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status) {
    ENTER;
    StreamRef s;
    if (!status) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamIsCapturing", &s));
    *status = !s->capture           ? CU_STREAM_CAPTURE_STATUS_NONE
              : s->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                    : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
    if (!mode || (unsigned)*mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
    *mode = exchange_mode(*mode);
    return CUDA_SUCCESS;
}

// The ways to instantiate of CUDA 11 and 12.
#undef cuGraphInstantiate
DRIVER_CALL cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *, char *, size_t) {
    return instantiate(exec, graph);
}
DRIVER_CALL cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *, char *, size_t) {
    return instantiate(exec, graph);
}
DRIVER_CALL cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long) {
    return instantiate(exec, graph);
}

// The parameters' last member is the result, as CUDA 12 has it: flags, upload stream, error node, result.
struct InstantiateParameters {
    cuuint64_t flags;
    CUstream upload;
    CUgraphNode error_node;
    int result;
};
#undef cuGraphInstantiateWithParams
DRIVER_CALL duet_sim_instantiate(CUgraphExec *exec, CUgraph graph,
                                 void *parameters) __asm__("cuGraphInstantiateWithParams");
DRIVER_CALL duet_sim_instantiate(CUgraphExec *exec, CUgraph graph, void *parameters) {
    const CUresult r = instantiate(exec, graph);
    if (parameters) static_cast<InstantiateParameters *>(parameters)->result = r == CUDA_SUCCESS ? 0 : 1;
    return r;
}

DRIVER_CALL cuGraphLaunch(CUgraphExec handle, CUstream stream) {
    ENTER;
    StreamRef s;
    auto exec = exec_of(handle, "cuGraphLaunch");
    if (!exec) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(enter_stream(context, stream, "cuGraphLaunch", &s));
    if (exec->context != context) {
        diagnose("wrong context", "cuGraphLaunch: a graph of %s, but %s is current", exec->context->name.c_str(),
                 context->name.c_str());
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (s->capture) {
        s->capture->invalidate();
        diagnose("capture", "cuGraphLaunch into a capture is not modelled");
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return launch_graph(s, exec);
}

DRIVER_CALL cuGraphExecDestroy(CUgraphExec handle) {
    ENTER;
    auto exec = exec_of(handle, "cuGraphExecDestroy");
    if (!exec) return CUDA_ERROR_INVALID_VALUE;
    exec->context->graphs.erase(exec); // launches that run keep it
    return CUDA_SUCCESS;
}

DRIVER_CALL cuGraphDestroy(CUgraph handle) {
    Hold hold(driver().lock);
    auto g = graph_of(handle, "cuGraphDestroy");
    if (!g) return CUDA_ERROR_INVALID_VALUE;
    captured().erase(g);
    return CUDA_SUCCESS;
}

// Nodes have no handles here: only their number can be asked for.
DRIVER_CALL cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *count) {
    Hold hold(driver().lock);
    auto g = graph_of(handle, "cuGraphGetNodes");
    if (!g || !count) return CUDA_ERROR_INVALID_VALUE;
    if (nodes) return CUDA_ERROR_NOT_SUPPORTED;
    *count = g->nodes.size();
    return CUDA_SUCCESS;
}
