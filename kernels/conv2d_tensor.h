// conv2d_tensor.h: the operands that convolutions on the tensor cores have in common; formulas in engine/op/conv2d.go.
// An unfolded tensor is one where an element is given by a place, which is a corner in memory, and by a weight, which
// is a step from there. Working out either takes divisions; a block does it once for each, and keeps the steps in
// shared memory.
#pragma once

#include "conv2d.h"
#include "tensor_operand.h"

// Corner is where the weight (0, 0) meets an image's plane, perhaps outside: p[step] is inside where (top+u, left+v)
// is.
struct Corner {
    const bf16 *p;
    int top, left;
};

// Step is a weight's: the distance in memory, and that in the plane.
typedef int4 Step; // x: distance, y: u, z: v

// Extents are at most half of nowhere, which the launch sees to.
enum { nowhere = 1 << 29 };
AGREED(conv2d_nowhere, nowhere)

DEVICE Step step_of(int distance, int u, int v) { return make_int4(distance, u, v, 0); }

// at_step is the element a step from a corner, or zero outside.
DEVICE uint32_t at_step(const Corner &c, const Step &s, int height, int width) {
    return element(c.p, s.x,
                   ((unsigned)(c.top + s.y) < (unsigned)height) & ((unsigned)(c.left + s.z) < (unsigned)width));
}

// Input makes corners and steps in the input of a convolution: a place is one of the output's, a weight channel and
// window's.
struct Input {
    const bf16 *x; // of the group in the first image
    Geometry g;
    FastDivisor image, row, window, side; // by out_area, out_width, kernel*kernel, kernel

    DEVICE_MEMBER int height() const { return g.height; }
    DEVICE_MEMBER int width() const { return g.width; }
    DEVICE_MEMBER Corner corner(int place) const {
        const int number = quotient(place, image), in_image = place - number * g.out_area, i = quotient(in_image, row);
        Corner c = {x, i * g.stride - g.pad, (in_image - i * g.out_width) * g.stride - g.pad};
        c.p += (int64_t)number * g.groups * g.channels * g.area + c.top * g.width + c.left;
        return c;
    }
    DEVICE_MEMBER Step step(int weight) const {
        const int channel = quotient(weight, window), in_window = weight - channel * g.window,
                  u = quotient(in_window, side);
        const int v = in_window - u * g.kernel;
        return step_of(channel * g.area + u * g.width + v, u, v);
    }
};

// Windows is a class of the input's places and weights, what divides by its weights, and by those of a row; of which
// group.
struct Windows : Class {
    FastDivisor window, line;
    int group, places; // in all images
};

// Output makes corners and steps in the gradient of the output: a place is one of a class of the input's, a weight a
// map and one of the class's window, from which the step goes backwards.
struct Output {
    const bf16 *dz; // of the group in the first image
    Geometry g;
    const Windows &c; // shared

    DEVICE_MEMBER int height() const { return g.out_height; }
    DEVICE_MEMBER int width() const { return g.out_width; }
    DEVICE_MEMBER Corner corner(int place) const {
        const int number = place / (c.height * c.width), in_image = place - number * c.height * c.width,
                  q = in_image / c.width;
        Corner k = {dz, c.bottom + q, c.right + in_image - q * c.width};
        k.p += (int64_t)number * g.groups * g.maps * g.out_area + k.top * g.out_width + k.left;
        return k;
    }
    DEVICE_MEMBER Step step(int weight) const {
        const int map = quotient(weight, c.window), in_window = weight - map * c.rows * c.columns;
        const int u = quotient(in_window, c.line), v = in_window - u * c.columns;
        return step_of(map * g.out_area - u * g.out_width - v, -u, -v);
    }
};

// Unfolded is the source of B[k,n] for Octets: k the weight, n the place.
template <class Tensor> struct Unfolded {
    typedef ::Step Step;
    Tensor tensor;
    Corner corner;
    int end;

    DEVICE_MEMBER void begin(int place, Range k) {
        corner = tensor.corner(place), corner.p = kept(corner.p), end = k.end;
    }
    DEVICE_MEMBER Step step(int weight) const { return weight < end ? tensor.step(weight) : step_of(0, nowhere, 0); }
    DEVICE_MEMBER uint32_t element(const Step &s) const { return at_step(corner, s, tensor.height(), tensor.width()); }
};

// UnfoldedAcross is the source of B[k,n] for Pairs: k the place, n the weight.
template <class Tensor> struct UnfoldedAcross {
    typedef Step Distance;
    typedef Corner Position;
    Tensor tensor;
    int end;

    DEVICE_MEMBER void begin(Range k) { end = k.end; }
    DEVICE_MEMBER Distance distance(int weight) const { return tensor.step(weight); }
    DEVICE_MEMBER Position position(int place) const {
        Corner c = tensor.corner(place);
        if (place >= end) c.top = nowhere;
        c.p = kept(c.p);
        return c;
    }
    DEVICE_MEMBER uint32_t element(const Distance &s, const Position &c) const {
        return at_step(c, s, tensor.height(), tensor.width());
    }
};
