// max_pool.h: what the kernels of pooling share; formulas in engine/op/max_pool.go.
#pragma once

#include "device.h"

// Maps are the extents of both sides: `count` maps of height x width, pooled to out_height x out_width.
struct Maps {
    int count, height, width, out_height, out_width;
};

struct Pooling {
    int kernel, stride, pad;
};

// Best is the largest value so far, the first of equals or the first NaN, and where it was.
struct Best {
    float value;
    int at;
};

DEVICE void take(Best *best, float value, int at) {
    if (!(value <= best->value) && best->value == best->value) {
        best->value = value;
        best->at = at;
    }
}
