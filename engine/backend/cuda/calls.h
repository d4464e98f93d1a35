// calls.h: sequences of driver calls that cross from Go to C once, and calls that gorgonia.org/cu does not have.
#pragma once

#include <cuda.h>
#include <stddef.h>
#include <stdint.h>

// One call of a kernel's, bound to memory.
typedef enum { DUET_LAUNCH, DUET_COPY } duet_step_kind;

typedef struct {
    duet_step_kind kind;
    CUfunction function; // DUET_LAUNCH
    unsigned grid[3], block[3], shared;
    void **arguments;
    CUdeviceptr to, from; // DUET_COPY
    size_t bytes;
} duet_step;

// Enqueues steps, waiting for each before the next when wait is set; when one fails, *failed is its index.
CUresult duet_enqueue(const duet_step *steps, int n, CUstream stream, int wait, int *failed);

// Captures the steps as a graph; null in *graph and an error when the driver does not allow it.
CUresult duet_capture(const duet_step *steps, int n, CUstream stream, CUgraphExec *graph);

// On any thread, whose current context stays: waits for an event, and frees pinned memory, of a context.
CUresult duet_await(CUcontext context, CUevent event);
CUresult duet_free_host(CUcontext context, void *memory);

// Compiles PTX; the compiler's words go to log when it fails.
CUresult duet_load_module(CUmodule *module, const char *ptx, char *log, size_t log_bytes);

const char *duet_error_name(CUresult r);
const char *duet_error_text(CUresult r);
