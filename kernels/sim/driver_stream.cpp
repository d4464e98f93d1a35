// driver_stream.cpp: streams, events and calls of the host.
#include "driver.h"
#include "capture.h"
#include "pinned.h"

#include <algorithm>

using namespace sim;

namespace {

CUstream handle_of(const StreamRef &s) { return reinterpret_cast<CUstream>(s.get()); }

// uncaptured ends the capture of a stream that a call waits for or asks, which no capture allows.
CUresult uncaptured(const StreamRef &s, const char *function) {
    if (!s->capture) return CUDA_SUCCESS;
    s->capture->invalidate();
    diagnose("capture", "%s of a stream that is capturing", function);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult uncaptured(const EventRef &e, const char *function) {
    if (!e->capture) return CUDA_SUCCESS;
    e->capture->invalidate();
    diagnose("capture", "%s of an event that was recorded in a capture", function);
    return CUDA_ERROR_CAPTURED_EVENT;
}

CUresult record(Context *context, CUevent handle, CUstream stream_handle) {
    EventRef e;
    StreamRef s;
    RETURN_IF_FAILED(event_of(context, handle, "cuEventRecord", false, &e));
    RETURN_IF_FAILED(enter_stream(context, stream_handle, "cuEventRecord", &s));
    if (s->capture) {
        if (s->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        e->capture = s->capture;
        e->captured = s->capture->streams[s.get()].after;
        return CUDA_SUCCESS;
    }
    e->capture = nullptr;
    s->clock.join(driver().host);
    e->clock = s->clock;
    e->line = s->line;
    const uint64_t n = ++e->recorded;
    s->push([e, n] { e->signal(n); }, true);
    return CUDA_SUCCESS;
}

// await_captured makes a stream part of the event's capture.
CUresult await_captured(const StreamRef &s, const EventRef &e) {
    if (e->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (s->legacy || (s->capture && s->capture != e->capture)) {
        e->capture->invalidate();
        diagnose("capture", "cuStreamWaitEvent joins two captures, or the legacy stream to one");
        return s->legacy ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT : CUDA_ERROR_STREAM_CAPTURE_MERGE;
    }
    e->capture->join(s.get(), e->captured);
    return CUDA_SUCCESS;
}

} // namespace

DRIVER_CALL cuStreamCreate(CUstream *made, unsigned flags) {
    ENTER;
    if (!made || (flags & ~(unsigned)CU_STREAM_NON_BLOCKING)) return CUDA_ERROR_INVALID_VALUE;
    auto s = std::make_shared<Stream>(context, flags, false);
    context->streams.insert(s);
    *made = handle_of(s);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuStreamCreateWithPriority(CUstream *made, unsigned flags, int) { return cuStreamCreate(made, flags); }

DRIVER_CALL cuStreamDestroy(CUstream handle) {
    ENTER;
    StreamRef s;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamDestroy", &s));
    if (s->legacy) return CUDA_ERROR_INVALID_HANDLE;
    if (!driver().host.knows(s->clock, s->line))
        diagnose("destroyed in use",
                 "cuStreamDestroy of a stream whose work the host has not waited for, %s the latest",
                 name_of(Stamp{s->line, s->clock.at(s->line)}).c_str());
    context->streams.erase(s);
    if (s->capture) {
        diagnose("capture", "cuStreamDestroy of a stream that is capturing: cuStreamEndCapture did not end it");
        const auto capture = s->capture; // end lets go of it
        capture->invalidate();
        capture->end();
    }
    // Its work still ends; the host does not wait for it in CUDA. Here it does, but learns nothing by it.
    hold.unlock();
    s->stop();
    return CUDA_SUCCESS;
}

DRIVER_CALL cuStreamSynchronize(CUstream handle) {
    ENTER;
    StreamRef s;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamSynchronize", &s));
    RETURN_IF_FAILED(uncaptured(s, "cuStreamSynchronize"));
    RETURN_IF_FAILED(order_legacy(s, "cuStreamSynchronize"));
    synchronize(hold, s);
    return failure(context);
}

DRIVER_CALL cuStreamQuery(CUstream handle) {
    ENTER;
    StreamRef s;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamQuery", &s));
    RETURN_IF_FAILED(uncaptured(s, "cuStreamQuery"));
    if (!s->idle()) return CUDA_ERROR_NOT_READY;
    host_learns(s->clock);
    return failure(context);
}

DRIVER_CALL cuStreamGetFlags(CUstream handle, unsigned *flags) {
    ENTER;
    StreamRef s;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamGetFlags", &s));
    if (!flags) return CUDA_ERROR_INVALID_VALUE;
    *flags = s->flags;
    return CUDA_SUCCESS;
}

DRIVER_CALL cuStreamGetPriority(CUstream handle, int *priority) {
    ENTER;
    StreamRef s;
    RETURN_IF_FAILED(stream_of(context, handle, "cuStreamGetPriority", &s));
    if (!priority) return CUDA_ERROR_INVALID_VALUE;
    *priority = 0;
    return CUDA_SUCCESS;
}

// The event may be of another context: that is how devices wait for each other.
DRIVER_CALL cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
    ENTER;
    StreamRef s;
    EventRef e;
    if (flags & ~1u) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(event_of(context, event, "cuStreamWaitEvent", true, &e));
    RETURN_IF_FAILED(enter_stream(context, stream, "cuStreamWaitEvent", &s));
    if (e->capture) return await_captured(s, e);
    if (s->capture) {
        s->capture->invalidate();
        diagnose("capture", "cuStreamWaitEvent in a capture, of an event that was recorded outside it");
        return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    if (!e->recorded) {
        diagnose("unrecorded event",
                 "cuStreamWaitEvent on %s waits for an event that was never recorded: it waits for nothing",
                 context->name.c_str());
        return CUDA_SUCCESS;
    }
    s->clock.join(e->clock);
    const uint64_t n = e->recorded;
    s->push([e, n] { e->wait(n); });
    return CUDA_SUCCESS;
}

DRIVER_CALL cuEventCreate(CUevent *made, unsigned flags) {
    ENTER;
    const unsigned known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
    if (!made || (flags & ~known)) return CUDA_ERROR_INVALID_VALUE;
    auto e = std::make_shared<Event>(context, flags);
    context->events.insert(e);
    *made = reinterpret_cast<CUevent>(e.get());
    return CUDA_SUCCESS;
}

DRIVER_CALL cuEventDestroy(CUevent handle) {
    ENTER;
    EventRef e;
    RETURN_IF_FAILED(event_of(context, handle, "cuEventDestroy", true, &e));
    if (e->recorded && !e->capture && !driver().host.knows(e->clock, e->line))
        diagnose("destroyed in use", "cuEventDestroy of an event whose record the host has not waited for, after %s",
                 name_of(Stamp{e->line, e->clock.at(e->line)}).c_str());
    e->context->events.erase(e);
    return CUDA_SUCCESS;
}

DRIVER_CALL cuEventRecord(CUevent event, CUstream stream) {
    ENTER;
    return record(context, event, stream);
}

DRIVER_CALL cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
    ENTER;
    return flags & ~1u ? CUDA_ERROR_INVALID_VALUE : record(context, event, stream);
}

DRIVER_CALL cuEventSynchronize(CUevent handle) {
    ENTER;
    EventRef e;
    RETURN_IF_FAILED(event_of(context, handle, "cuEventSynchronize", true, &e));
    RETURN_IF_FAILED(uncaptured(e, "cuEventSynchronize"));
    const uint64_t n = e->recorded;
    const Clock knows = e->clock;
    hold.unlock();
    e->wait(n);
    hold.lock();
    host_learns(knows);
    return failure(e->context);
}

DRIVER_CALL cuEventQuery(CUevent handle) {
    ENTER;
    EventRef e;
    RETURN_IF_FAILED(event_of(context, handle, "cuEventQuery", true, &e));
    RETURN_IF_FAILED(uncaptured(e, "cuEventQuery"));
    if (!e->signalled(e->recorded)) return CUDA_ERROR_NOT_READY;
    host_learns(e->clock);
    return failure(e->context);
}

DRIVER_CALL cuEventElapsedTime(float *milliseconds, CUevent from, CUevent to) {
    ENTER;
    EventRef a, b;
    if (!milliseconds) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(event_of(context, from, "cuEventElapsedTime", true, &a));
    RETURN_IF_FAILED(event_of(context, to, "cuEventElapsedTime", true, &b));
    for (auto &e : {a, b})
        if (!e->recorded || (e->flags & CU_EVENT_DISABLE_TIMING) || e->context->device != a->context->device)
            return CUDA_ERROR_INVALID_HANDLE;
    for (auto &e : {a, b})
        if (!e->signalled(e->recorded)) return CUDA_ERROR_NOT_READY;
    *milliseconds = (float)(b->when() - a->when());
    return CUDA_SUCCESS;
}

DRIVER_CALL cuLaunchHostFunc(CUstream handle, CUhostFn function, void *argument) {
    ENTER;
    StreamRef s;
    if (!function) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(enter_stream(context, handle, "cuLaunchHostFunc", &s));
    auto op = std::make_shared<Operation>();
    op->kind = Operation::host;
    op->name = interned("a function of the host");
    op->count = [] {};
    work_writes(0, SIZE_MAX); // for all that is known
    op->run = [=](const Work &) {
        function(argument);
        return CUDA_SUCCESS;
    };
    return issue(s, op);
}
