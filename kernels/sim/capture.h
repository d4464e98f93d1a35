// capture.h: stream capture and graphs.
#pragma once

#include "stream.h"

#include <map>

namespace sim {

struct Node {
    OperationRef operation;
    std::vector<size_t> after; // nodes that come before it
    unsigned branch;           // which of the captured streams it was issued on
};

struct Graph {
    std::vector<Node> nodes;
    unsigned branches = 0;
};

// Capture is one capture, of the stream it began on and of those that events let join.
struct Capture : std::enable_shared_from_this<Capture> {
    Capture(Stream *origin, CUstreamCaptureMode mode);

    Stream *const origin;
    const CUstreamCaptureMode mode;
    const std::thread::id thread;
    bool invalid = false;
    Graph graph;
    struct Tip {
        unsigned branch;
        std::vector<size_t> after; // what the stream's next node comes after
    };
    std::map<Stream *, Tip> streams;

    CUresult add(Stream *s, const OperationRef &op);
    void join(Stream *s, const std::vector<size_t> &after); // s waits for these nodes
    void invalidate() { invalid = true; }
    bool unjoined() const; // whether a stream has nodes that the origin does not wait for
    void end();            // no stream captures any more
};

struct GraphExec {
    GraphExec(Context *context, Graph graph);
    ~GraphExec();
    Context *const context;
    const Graph graph;
    std::vector<unsigned> lines; // timelines, of the branches
};

// launch_graph issues the nodes on a stream, in an order that the seed picks among those that the graph allows.
CUresult launch_graph(const StreamRef &s, const std::shared_ptr<GraphExec> &exec);

// captured_graphs is how many graphs were captured and not destroyed. They are of no context.
size_t captured_graphs();

// exchange_mode sets how far captures forbid unsafe calls to this thread, and answers how far they did.
CUstreamCaptureMode exchange_mode(CUstreamCaptureMode mode);

} // namespace sim
