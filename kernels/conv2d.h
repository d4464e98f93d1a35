// conv2d.h: what the kernels of convolution share: the geometry and the classes of places of a gradient.
// Formulas are in engine/op/conv2d.go.
#pragma once

#include "tile.h"

// Conv2D is a grouped convolution of channels-last tensors; channels and maps are a group's. conv2d.go has its twin.
struct Conv2D {
    int images, height, width, channels, groups, maps, out_height, out_width, kernel, stride, pad;
    int weight_channels;   // of a weight's row in memory: channels, or, where weights are patched, their width
    int splits;            // parts of the sum over places, of the gradient of the weights
    int relu;              // of the forward pass
    FastDivisor area, row; // by out_height*out_width and by out_width
};

// Class is, of the gradient of the input (conv2d_grad_input.cu), the places (first_h + stride*q, first_w + stride*r) of
// the input and the weights (row + stride*u, column + stride*v) that they meet. bottom and right are what index the
// output there: place (q, r) and weight (u, v) meet at output (bottom + q - u, right + r - v).
struct Class {
    int row, column, rows, columns, height, width, first_h, first_w, bottom, right;
};

// counted is how many of start, start + stride, ... are below end.
DEVICE int counted(int start, int end, int stride) { return end > start ? (end - start + stride - 1) / stride : 0; }

DEVICE Class class_of(const Conv2D &p, int number) {
    Class c;
    c.row = number / p.stride, c.column = number % p.stride;
    c.rows = counted(c.row, p.kernel, p.stride), c.columns = counted(c.column, p.kernel, p.stride);
    c.bottom = p.pad > c.row ? (p.pad - c.row + p.stride - 1) / p.stride : 0; // the first with a place inside
    c.right = p.pad > c.column ? (p.pad - c.column + p.stride - 1) / p.stride : 0;
    c.first_h = c.row + c.bottom * p.stride - p.pad, c.first_w = c.column + c.right * p.stride - p.pad;
    c.height = counted(c.first_h, p.height, p.stride), c.width = counted(c.first_w, p.width, p.stride);
    return c;
}

// in_quads says whether channels and maps can be read and written four at a time.
DEVICE bool in_quads(const Conv2D &p) { return (p.channels | p.weight_channels | p.maps) % 4 == 0; }

// Line is what a loader knows of a line of its matrix: where it starts, and how far down and right it is, which says
// what is inside of the image.
struct Line {
    int64_t start;
    int down, right;
};

// kept are n values of(i) in shared memory: with them in registers, a multiprocessor would have one block instead of
// two.
template <class T, int n, class F> DEVICE const T *kept(F of) {
    __shared__ __align__(16) T values[n];
    for (int i = threadIdx.x; i < n; i += tile_threads) values[i] = of(i);
    __syncthreads();
    return values;
}
