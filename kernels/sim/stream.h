// stream.h: streams, events and the operations that run on them. Each stream is a thread of the host with a queue.
#pragma once

#include "clock.h"
#include "context.h"

#include <condition_variable>
#include <deque>
#include <functional>

namespace sim {

struct Capture;

// Touch is a range of memory that an operation reads or writes.
struct Touch {
    uintptr_t address;
    size_t bytes;
    bool write;
    bool anywhere; // of any device: a peer copy
    bool at_least; // the operation may touch more than this: a kernel's argument
};

// Operation is what a stream runs: a launch, copy, memset or call of the host. A graph keeps it and runs it often.
struct Operation {
    enum Kind { launch, copy, set, host };
    Kind kind;
    const std::string *name;
    std::vector<Touch> touches;
    std::function<CUresult(const Work &)> run; // on the stream's thread; its error is sticky in the context
    std::function<void()> count;               // for the report, under the driver's lock
};
using OperationRef = std::shared_ptr<const Operation>;

struct Stream {
    Stream(Context *context, unsigned flags, bool legacy);
    ~Stream();

    Context *const context;
    const unsigned flags;
    const bool legacy;
    unsigned line; // its timeline
    Clock clock;   // what its next operation will know, under the driver's lock
    std::shared_ptr<Capture> capture;

    // push adds a job; brief says that it does nothing but tell others of it. wait waits for the jobs so far.
    void push(std::function<void()> job, bool brief = false);
    uint64_t pushed();
    void wait(uint64_t jobs);
    void wait() { wait(pushed()); }
    bool idle();
    bool blocking() const { return !(flags & CU_STREAM_NON_BLOCKING); }
    void stop(); // when all is done

  private:
    void work();
    std::mutex lock;
    std::condition_variable came, finished;
    struct Job {
        std::function<void()> run;
        bool brief;
    };
    std::deque<Job> jobs;
    uint64_t begun = 0, done = 0;
    bool brief = false; // what runs now
    bool stopping = false;
    std::thread thread;
};
using StreamRef = std::shared_ptr<Stream>;

struct Event {
    Event(Context *context, unsigned flags) : context(context), flags(flags) {}
    Context *const context;
    const unsigned flags;
    // Under the driver's lock, as of the latest record.
    Clock clock;
    unsigned line = 0; // of the stream
    uint64_t recorded = 0;
    std::shared_ptr<Capture> capture;
    std::vector<size_t> captured; // nodes of the capture that it stands for

    // signal and wait are for the n-th record.
    void signal(uint64_t n);
    void wait(uint64_t n);
    bool signalled(uint64_t n);
    double when(); // milliseconds, of the latest signal

  private:
    std::mutex lock;
    std::condition_variable changed;
    uint64_t signals = 0;
    double time = 0;
};
using EventRef = std::shared_ptr<Event>;

// These want the driver's lock held.

// stream_of finds a stream of the current context; CU_STREAM_LEGACY and null are its legacy stream.
CUresult stream_of(Context *context, CUstream handle, const char *function, StreamRef *stream);
CUresult event_of(Context *context, CUevent handle, const char *function, bool any_context, EventRef *event);

// issue checks an operation's memory and enqueues it, or adds it to the stream's capture.
CUresult issue(const StreamRef &s, const OperationRef &op);

// issue_as enqueues an operation on a timeline of a graph's, which runs on the stream.
CUresult issue_as(const StreamRef &s, const OperationRef &op, unsigned line, const Clock &knows, Stamp *stamp);

// order_legacy makes the legacy stream and the blocking streams wait for each other, before an operation of s.
CUresult order_legacy(const StreamRef &s, const char *function);

// unsafe answers a call that no thread may make while it captures, and ends the capture.
CUresult unsafe_in_capture(const char *function);

// synchronize gives the lock up while it waits for a stream, and lets the host know what the stream knew.
void synchronize(Hold &hold, const StreamRef &s);
void synchronize_all(Hold &hold, Context *context);

double now(); // milliseconds

} // namespace sim
