//go:build gpu

#include "calls.h"

CUresult duet_enqueue(const duet_step *steps, int n, CUstream stream, int wait, int *failed) {
    for (int i = 0; i < n; i++) {
        const duet_step *s = steps + i;
        CUresult r = CUDA_SUCCESS;
        switch (s->kind) {
        case DUET_LAUNCH:
            r = cuLaunchKernel(s->function, s->grid[0], s->grid[1], s->grid[2], s->block[0], s->block[1], s->block[2], s->shared, stream,
                               s->arguments, NULL);
            break;
        case DUET_COPY:
            r = cuMemcpyDtoDAsync(s->to, s->from, s->bytes, stream);
            break;
        }
        if (r == CUDA_SUCCESS && wait) r = cuStreamSynchronize(stream);
        if (r != CUDA_SUCCESS) {
            *failed = i;
            return r;
        }
    }
    return CUDA_SUCCESS;
}

CUresult duet_capture(const duet_step *steps, int n, CUstream stream, CUgraphExec *graph) {
    CUgraph captured = NULL;
    int failed;
    *graph = NULL;
    CUresult r = cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    if (r != CUDA_SUCCESS) return r;
    r = duet_enqueue(steps, n, stream, 0, &failed);
    const CUresult ended = cuStreamEndCapture(stream, &captured);
    if (r == CUDA_SUCCESS) r = ended;
    if (r == CUDA_SUCCESS) r = cuGraphInstantiateWithFlags(graph, captured, 0);
    if (captured) cuGraphDestroy(captured);
    if (r != CUDA_SUCCESS) *graph = NULL;
    return r;
}

static CUresult leave(CUresult r) {
    CUcontext left;
    const CUresult popped = cuCtxPopCurrent(&left);
    return r == CUDA_SUCCESS ? popped : r;
}

CUresult duet_await(CUcontext context, CUevent event) {
    const CUresult r = cuCtxPushCurrent(context);
    return r == CUDA_SUCCESS ? leave(cuEventSynchronize(event)) : r;
}

CUresult duet_free_host(CUcontext context, void *memory) {
    const CUresult r = cuCtxPushCurrent(context);
    return r == CUDA_SUCCESS ? leave(cuMemFreeHost(memory)) : r;
}

CUresult duet_load_module(CUmodule *module, const char *ptx, char *log, size_t log_bytes) {
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, (void *)(uintptr_t)log_bytes};
    log[0] = 0;
    return cuModuleLoadDataEx(module, ptx, 2, options, values);
}

const char *duet_error_name(CUresult r) {
    const char *text = NULL;
    return cuGetErrorName(r, &text) == CUDA_SUCCESS && text ? text : "CUDA error";
}

const char *duet_error_text(CUresult r) {
    const char *text = NULL;
    return cuGetErrorString(r, &text) == CUDA_SUCCESS && text ? text : "no description";
}
