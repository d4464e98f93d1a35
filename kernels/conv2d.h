// conv2d.h: the geometry that the kernels of convolution share; formulas in engine/op/conv2d.go.
#pragma once

#include "tile.h"

// Geometry is a convolution of one group: channels and maps are the group's.
struct Geometry {
    int channels, height, width, maps, out_height, out_width, kernel, stride, pad;
    int area, out_area, window, groups; // height*width, out_height*out_width, kernel*kernel
};

DEVICE Geometry geometry(int groups, int channels, int height, int width, int maps, int out_height, int out_width, int kernel, int stride,
                         int pad) {
    Geometry g = {channels, height, width, maps, out_height, out_width, kernel, stride, pad};
    g.area = height * width, g.out_area = out_height * out_width, g.window = kernel * kernel, g.groups = groups;
    return g;
}

// Weights are A[m,k] of a weight [maps, channels, kernel, kernel] as it lies in memory: m the map, k channel and place.
template <class T> struct Weights {
    static const bool along_k = true;
    typedef int Position;
    const T *w;
    int length; // of a map's weights
    int at[tile_lines]; // of the thread's own lines

    DEVICE_MEMBER void begin(int i, int m, int rows) { at[i] = m < rows ? m * length : -1; }
    DEVICE_MEMBER Position position(int k) const { return k; }
    DEVICE_MEMBER float element(int i, Position k) const { return at[i] < 0 ? 0.f : load(w + at[i] + k); }
};
