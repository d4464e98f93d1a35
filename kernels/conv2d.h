// conv2d.h: what the kernels of convolution share: the geometry, the classes of places of a gradient, the weights.
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

// Geometry is a convolution of one group: channels and maps are the group's.
struct Geometry {
    int channels, height, width, maps, out_height, out_width, kernel, stride, pad;
    int area, out_area, window, groups; // height*width, out_height*out_width, kernel*kernel
};

DEVICE Geometry geometry(int groups, int channels, int height, int width, int maps, int out_height, int out_width,
                         int kernel, int stride, int pad) {
    Geometry g = {channels, height, width, maps, out_height, out_width, kernel, stride, pad};
    g.area = height * width, g.out_area = out_height * out_width, g.window = kernel * kernel, g.groups = groups;
    return g;
}

// Class is, of the gradient of the input (conv2d_grad_input.cu), the places (first_h + stride*q, first_w + stride*r) of
// the input and the weights (row + stride*u, column + stride*v) that they meet. bottom and right are what index the
// output there: place (q, r) and weight (u, v) meet at output (bottom + q - u, right + r - v).
struct Class {
    int row, column, rows, columns, height, width, first_h, first_w, bottom, right;
};

// counted is how many of start, start + stride, ... are below end.
DEVICE int counted(int start, int end, int stride) { return end > start ? (end - start + stride - 1) / stride : 0; }

DEVICE Class class_of(const Geometry &g, int number) {
    Class c;
    c.row = number / g.stride, c.column = number % g.stride;
    c.rows = counted(c.row, g.kernel, g.stride), c.columns = counted(c.column, g.kernel, g.stride);
    c.bottom = g.pad > c.row ? (g.pad - c.row + g.stride - 1) / g.stride : 0; // the first with a place inside
    c.right = g.pad > c.column ? (g.pad - c.column + g.stride - 1) / g.stride : 0;
    c.first_h = c.row + c.bottom * g.stride - g.pad, c.first_w = c.column + c.right * g.stride - g.pad;
    c.height = counted(c.first_h, g.height, g.stride), c.width = counted(c.first_w, g.width, g.stride);
    return c;
}

// Weights are A[m,k] of a weight [maps, channels, kernel, kernel] as it lies in memory: m the map, k channel and place.
template <class T> struct Weights {
    static const bool along_k = true;
    typedef int Position;
    const T *w;
    int length;         // of a map's weights
    int at[tile_lines]; // of the thread's own lines

    DEVICE_MEMBER void begin(int i, int m, int rows) { at[i] = m < rows ? m * length : -1; }
    DEVICE_MEMBER Position position(int k) const { return k; }
    DEVICE_MEMBER float element(int i, Position k) const { return at[i] < 0 ? 0.f : load(w + at[i] + k); }
};
