// max_pool.h: what the kernels of pooling share; formulas in engine/op/max_pool.go.
#pragma once

#include "lanes.h"
#include "tile.h"

// Pool is a pooling of channels-last tensors. max_pool.go has its twin.
struct Pool {
    int images, height, width, channels, out_height, out_width, kernel, stride, pad;
    int padded;                  // of an average: whether the padding's places count
    int flat;                    // of a maximum: y and dy are [N,C,OH,OW], as linear layers read them
    FastDivisor pieces, columns; // by a place's pieces of channels; by the places of a row of those that have threads
};

// Site is a thread's work: a piece of channels at a place.
struct Site {
    int channel, row, column;
};

DEVICE Site site_of(const Pool &p, int lanes) {
    const uint32_t number = blockIdx.x * blockDim.x + threadIdx.x, place = quotient(number, p.pieces);
    Site s;
    s.channel = (int)(number - place * p.pieces.divisor) * lanes;
    s.row = (int)quotient(place, p.columns);
    s.column = (int)(place - s.row * p.columns.divisor);
    return s;
}

// in_image and out_image are where an image's elements of the larger and of the smaller side begin.
DEVICE int64_t in_image(const Pool &p, int image) { return (int64_t)image * p.height * p.width * p.channels; }
DEVICE int64_t out_image(const Pool &p, int image) { return (int64_t)image * p.out_height * p.out_width * p.channels; }

// Span is what windows i with i*stride <= place < i*stride + kernel hold a place, counted from the padding's edge.
struct Span {
    int first, last;
};

DEVICE Span windows_of(const Pool &p, int place, int count) {
    Span s;
    s.first = place < p.kernel ? 0 : (place - p.kernel) / p.stride + 1;
    s.last = min(place / p.stride, count - 1);
    return s;
}

// Best is the largest value of each lane so far, the first of equals or the first NaN, and where it was.
template <int lanes> struct Best {
    float value[lanes];
    uint32_t at[lanes];

    DEVICE_MEMBER void begin(const float *v, uint32_t place) {
#pragma unroll
        for (int i = 0; i < lanes; i++) value[i] = v[i], at[i] = place;
    }
    DEVICE_MEMBER void take(const float *v, uint32_t place) {
#pragma unroll
        for (int i = 0; i < lanes; i++) {
            const bool more = !(v[i] <= value[i]) && value[i] == value[i];
            value[i] = more ? v[i] : value[i], at[i] = more ? place : at[i];
        }
    }
    // take_number is take where no value is NaN.
    DEVICE_MEMBER void take_number(const float *v, uint32_t place) {
#pragma unroll
        for (int i = 0; i < lanes; i++) {
            const bool more = v[i] > value[i];
            value[i] = more ? v[i] : value[i], at[i] = more ? place : at[i];
        }
    }
    template <class T> DEVICE_MEMBER void write(T *y, uint8_t *argmax) const {
        put<lanes>(y, value);
        write_places(argmax);
    }
    DEVICE_MEMBER void write_places(uint8_t *argmax) const {
        if (!argmax) return;
        Places<lanes> won;
        won.set(at);
        won.write(argmax);
    }
};

// Window is the gradient of a window, and the places that won it.
template <class T, int lanes> struct Window {
    Lanes<T, lanes> dy;
    Places<lanes> won;

    // read reads the one at `at`, or, where there is none, zeros.
    DEVICE_MEMBER void read(const T *gradient, const uint8_t *argmax, int at, bool there) {
        dy.clear(), won.clear();
        if (there) dy.read(gradient + at), won.read(argmax + at);
    }
    // read_flat reads the channels from one on of a place of an image, where the gradient is [C,OH,OW].
    DEVICE_MEMBER void read_flat(const T *gradient, const uint8_t *argmax, const Pool &p, int channel, int place,
                                 bool there) {
        dy.clear(), won.clear();
        if (!there) return;
        float value[lanes];
#pragma unroll
        for (int i = 0; i < lanes; i++) value[i] = load(gradient + (channel + i) * p.out_height * p.out_width + place);
        dy.set(value), won.read(argmax + place * p.channels + channel);
    }
    // gather adds what a place of the window gets of it.
    DEVICE_MEMBER void gather(float *sum, uint32_t place) const {
#pragma unroll
        for (int i = 0; i < lanes; i++)
            if (won.is(i, place)) sum[i] += dy.value(i);
    }
};
