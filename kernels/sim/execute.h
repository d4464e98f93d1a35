// execute.h: kernels run on the CPU. A launch runs on its stream's thread: the blocks one after another, the threads of
// a block one after another too or, where they wait for each other, as fibers that change places at every wait.
#pragma once

#include "clock.h"
#include "module.h"
#include "runtime.h"

namespace sim {

struct Shape {
    unsigned x, y, z;
    uint64_t count() const { return (uint64_t)x * y * z; }
};

struct Launch {
    Context *context;
    const Function *function;
    Shape grid, block;
    unsigned dynamic_bytes;
    std::vector<uint64_t> arguments; // the values, one after another
    std::vector<size_t> offsets;     // of each in arguments
};

// execute runs a launch and answers what the driver would: CUDA_ERROR_ILLEGAL_ADDRESS and the like.
CUresult execute(const Launch &launch, const Work &work);

// catch_faults makes memory faults of kernels errors of their launches. Other faults go to the handler that was there.
void catch_faults();

// fresh_windows are a launch's, none of them open.
Window *fresh_windows();

} // namespace sim
