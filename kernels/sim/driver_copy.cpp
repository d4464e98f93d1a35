// driver_copy.cpp: copies and memsets.
#include "driver.h"
#include "cells.h"
#include "pinned.h"
#include "report.h"

#include <string.h>

using namespace sim;

namespace {

// Rows is a copy's or memset's memory: rows of width bytes, pitch bytes from one to the next.
struct Rows {
    uintptr_t address;
    size_t pitch;
};

struct Area {
    size_t width, height;
    size_t bytes() const { return width * height; }
};

enum class Direction { to_device, to_host, within, peer, host };

// Copy is one copy as the driver was asked for it.
struct Copy {
    const char *name;
    Rows to, from;
    Area area;
    bool to_host, from_host; // as the function has it, not where the pointer is
    bool anywhere;           // of any context: a peer copy
};

// pinned_for is the pinned allocation that the host's memory lies in, null for memory that the device cannot reach.
std::shared_ptr<Allocation> pinned_for(const Context *context, uintptr_t p) {
    auto a = find(p);
    return a && a->host && (a->portable || a->context == context) ? a : nullptr;
}

void add_touches(Operation *op, const Rows &rows, const Area &area, bool write, bool anywhere) {
    if (rows.pitch == area.width) {
        op->touches.push_back(Touch{rows.address, area.bytes(), write, anywhere, false});
        return;
    }
    for (size_t i = 0; i < area.height; i++)
        op->touches.push_back(Touch{rows.address + i * rows.pitch, area.width, write, anywhere, false});
}

// counter counts a copy in the report when it is issued.
std::function<void()> counter(const Context *context, const Copy &c) {
    const auto to = c.to_host ? nullptr : find(c.to.address), from = c.from_host ? nullptr : find(c.from.address);
    const bool into = to && !to->host, out = from && !from->host;
    const size_t bytes = c.area.bytes();
    const size_t device = (size_t)context->device;
    if (into && out && to->context != from->context) {
        const std::pair<int, int> pair(from->device, to->device);
        return [=] {
            StatisticsHold s;
            s->peers[pair].copies++;
            s->peers[pair].bytes += bytes;
        };
    }
    return [=] {
        StatisticsHold s;
        DeviceStatistics &d = s->devices[device];
        if (into && out) d.within += bytes;
        else if (into) d.to_device += bytes;
        else if (out) d.to_host += bytes;
    };
}

void move_rows(const Rows &to, const Rows &from, const Area &area) {
    for (size_t i = 0; i < area.height; i++)
        memmove(reinterpret_cast<void *>(to.address + i * to.pitch),
                reinterpret_cast<const void *>(from.address + i * from.pitch), area.width);
}

OperationRef operation_of(const Context *context, const Copy &c, bool to_touched, bool from_touched,
                          std::shared_ptr<std::vector<char>> staged, PinnedReadRef read) {
    auto op = std::make_shared<Operation>();
    op->kind = Operation::copy;
    op->name = interned(c.name);
    if (from_touched) add_touches(op.get(), c.from, c.area, false, c.anywhere);
    if (to_touched) add_touches(op.get(), c.to, c.area, true, c.anywhere);
    op->count = counter(context, c);
    const std::vector<Touch> touches = op->touches;
    op->run = [c, staged, touches, read](const Work &work) {
        if (read) read->ran();
        for (const Touch &t : touches) touch_cells(t.address, t.bytes, t.write, work);
        const Rows from = staged ? Rows{reinterpret_cast<uintptr_t>(staged->data()), c.area.width} : c.from;
        move_rows(c.to, from, c.area);
        return CUDA_SUCCESS;
    };
    return op;
}

// copy enqueues a copy. Memory of the host that is not pinned is read at once, and written before the call returns.
CUresult copy(Hold &hold, Context *context, CUstream handle, const Copy &c, bool waits) {
    StreamRef stream;
    RETURN_IF_FAILED(enter_stream(context, handle, c.name, &stream));
    if (c.area.bytes() == 0) return CUDA_SUCCESS;
    const auto pinned = c.from_host ? pinned_for(context, c.from.address) : nullptr;
    const bool to_pageable = c.to_host && !pinned_for(context, c.to.address), from_pageable = c.from_host && !pinned;
    std::shared_ptr<std::vector<char>> staged;
    if ((to_pageable || from_pageable) && !waits)
        diagnose("pageable memory",
                 "%s on %s with memory of the host that is not pinned: it does not run beside the host", c.name,
                 context->name.c_str());
    if (from_pageable && !waits && !stream->capture) {
        staged = std::make_shared<std::vector<char>>(c.area.bytes());
        move_rows(Rows{reinterpret_cast<uintptr_t>(staged->data()), c.area.width}, c.from, c.area);
    }
    PinnedReadRef read;
    if (pinned && !waits && !stream->capture && c.area.height == 1 && pinned->contains(c.from.address, c.area.width))
        read = std::make_shared<PinnedRead>(context, pinned, c.from.address, c.area.width);
    RETURN_IF_FAILED(issue(stream, operation_of(context, c, !to_pageable, !from_pageable, staged, read)));
    if (read) {
        read->enqueued(Stamp{stream->line, stream->clock.at(stream->line)});
        watch(read);
    }
    if ((waits || to_pageable) && !stream->capture) synchronize(hold, stream);
    return waits ? failure(context) : CUDA_SUCCESS;
}

Copy flat(const char *name, uintptr_t to, bool to_host, uintptr_t from, bool from_host, size_t n) {
    return Copy{name, Rows{to, n}, Rows{from, n}, Area{n, 1}, to_host, from_host, false};
}

uintptr_t address(const void *p) { return reinterpret_cast<uintptr_t>(p); }

// unified is a copy between addresses that say themselves what they are.
Copy unified(const char *name, CUdeviceptr to, CUdeviceptr from, size_t n) {
    return flat(name, to, !find(to) && !find_freed(to), from, !find(from) && !find_freed(from), n);
}

// peer checks that the pointers are of the contexts that the call names.
CUresult peer(Hold &hold, Context *context, CUstream stream, CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
              CUcontext from_context, size_t n, bool waits) {
    Copy c = flat("cuMemcpyPeerAsync", to, false, from, false, n);
    c.anywhere = true;
    const struct {
        CUdeviceptr p;
        CUcontext of;
    } ends[] = {{to, to_context}, {from, from_context}};
    for (auto &e : ends) {
        auto a = find(e.p);
        if (!a || a->context == reinterpret_cast<Context *>(e.of)) continue; // what is no memory is found later
        diagnose("wrong context", "cuMemcpyPeer: %s is not of the context that the call names", describe(*a).c_str());
        return CUDA_ERROR_INVALID_VALUE;
    }
    return copy(hold, context, stream, c, waits);
}

// planes reads what cuMemcpy2D was asked for.
CUresult planes(const CUDA_MEMCPY2D *p, Copy *c) {
    const auto place = [](CUmemorytype type, CUdeviceptr device, const void *host, size_t pitch, size_t x, size_t y,
                          size_t width, Rows *rows, bool *is_host) {
        if (type != CU_MEMORYTYPE_DEVICE && type != CU_MEMORYTYPE_HOST && type != CU_MEMORYTYPE_UNIFIED) return false;
        const uintptr_t base = type == CU_MEMORYTYPE_HOST ? address(host) : (uintptr_t)device;
        *is_host = type == CU_MEMORYTYPE_HOST || (type == CU_MEMORYTYPE_UNIFIED && !find(base));
        if (!pitch) pitch = width;
        *rows = Rows{base + y * pitch + x, pitch};
        return x + width <= pitch;
    };
    c->name = "cuMemcpy2DAsync";
    c->area = Area{p->WidthInBytes, p->Height};
    c->anywhere = false;
    if (!place(p->dstMemoryType, p->dstDevice, p->dstHost, p->dstPitch, p->dstXInBytes, p->dstY, p->WidthInBytes,
               &c->to, &c->to_host) ||
        !place(p->srcMemoryType, p->srcDevice, p->srcHost, p->srcPitch, p->srcXInBytes, p->srcY, p->WidthInBytes,
               &c->from, &c->from_host))
        return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

// set enqueues a memset of count elements of size bytes.
CUresult set(Hold &hold, Context *context, CUstream handle, const char *name, CUdeviceptr p, uint32_t value,
             size_t size, size_t count, bool waits) {
    StreamRef stream;
    RETURN_IF_FAILED(enter_stream(context, handle, name, &stream));
    if (p % size || count > SIZE_MAX / size) return CUDA_ERROR_INVALID_VALUE;
    const size_t bytes = count * size;
    if (!bytes) return CUDA_SUCCESS;
    auto op = std::make_shared<Operation>();
    op->kind = Operation::set;
    op->name = interned(name);
    op->touches.push_back(Touch{(uintptr_t)p, bytes, true, false, false});
    const size_t device = (size_t)context->device;
    op->count = [=] { StatisticsHold()->devices[device].set += bytes; };
    op->run = [=](const Work &work) {
        touch_cells(p, bytes, true, work);
        if (size == 1) clear_bytes(p, (uint8_t)value, bytes);
        else if (value == 0) clear_bytes(p, 0, bytes);
        else
            for (size_t i = 0; i < count; i++)
                memcpy(reinterpret_cast<char *>(p) + i * size, &value, size); // little-endian
        return CUDA_SUCCESS;
    };
    RETURN_IF_FAILED(issue(stream, op));
    if (!waits) return CUDA_SUCCESS;
    synchronize(hold, stream);
    return failure(context);
}

} // namespace

#define COPY(handle, description, waits)                                                                               \
    do {                                                                                                               \
        ENTER;                                                                                                         \
        return copy(hold, context, handle, description, waits);                                                        \
    } while (0)

DRIVER_CALL cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t n) {
    COPY(nullptr, flat("cuMemcpyHtoD", to, false, address(from), true, n), true);
}
DRIVER_CALL cuMemcpyDtoH(void *to, CUdeviceptr from, size_t n) {
    COPY(nullptr, flat("cuMemcpyDtoH", address(to), true, from, false, n), true);
}
DRIVER_CALL cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t n) {
    COPY(nullptr, flat("cuMemcpyDtoD", to, false, from, false, n), true);
}
DRIVER_CALL cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n) {
    COPY(nullptr, unified("cuMemcpy", to, from, n), true);
}

DRIVER_CALL cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t n, CUstream stream) {
    COPY(stream, flat("cuMemcpyHtoDAsync", to, false, address(from), true, n), false);
}
DRIVER_CALL cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t n, CUstream stream) {
    COPY(stream, flat("cuMemcpyDtoHAsync", address(to), true, from, false, n), false);
}
DRIVER_CALL cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream) {
    COPY(stream, flat("cuMemcpyDtoDAsync", to, false, from, false, n), false);
}
DRIVER_CALL cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream) {
    COPY(stream, unified("cuMemcpyAsync", to, from, n), false);
}

DRIVER_CALL cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t n) {
    ENTER;
    return peer(hold, context, nullptr, to, to_context, from, from_context, n, true);
}
DRIVER_CALL cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t n,
                              CUstream stream) {
    ENTER;
    return peer(hold, context, stream, to, to_context, from, from_context, n, false);
}

DRIVER_CALL cuMemcpy2DAsync(const CUDA_MEMCPY2D *p, CUstream stream) {
    ENTER;
    Copy c;
    if (!p) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(planes(p, &c));
    return copy(hold, context, stream, c, false);
}
DRIVER_CALL cuMemcpy2D(const CUDA_MEMCPY2D *p) {
    ENTER;
    Copy c;
    if (!p) return CUDA_ERROR_INVALID_VALUE;
    RETURN_IF_FAILED(planes(p, &c));
    return copy(hold, context, nullptr, c, true);
}

#define SET(handle, name, size, waits)                                                                                 \
    do {                                                                                                               \
        ENTER;                                                                                                         \
        return set(hold, context, handle, name, p, value, size, n, waits);                                             \
    } while (0)

DRIVER_CALL cuMemsetD8(CUdeviceptr p, unsigned char value, size_t n) { SET(nullptr, "cuMemsetD8", 1, true); }
DRIVER_CALL cuMemsetD16(CUdeviceptr p, unsigned short value, size_t n) { SET(nullptr, "cuMemsetD16", 2, true); }
DRIVER_CALL cuMemsetD32(CUdeviceptr p, unsigned value, size_t n) { SET(nullptr, "cuMemsetD32", 4, true); }
DRIVER_CALL cuMemsetD8Async(CUdeviceptr p, unsigned char value, size_t n, CUstream stream) {
    SET(stream, "cuMemsetD8Async", 1, false);
}
DRIVER_CALL cuMemsetD16Async(CUdeviceptr p, unsigned short value, size_t n, CUstream stream) {
    SET(stream, "cuMemsetD16Async", 2, false);
}
DRIVER_CALL cuMemsetD32Async(CUdeviceptr p, unsigned value, size_t n, CUstream stream) {
    SET(stream, "cuMemsetD32Async", 4, false);
}
