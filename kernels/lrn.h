// lrn.h: what the kernels of local response normalisation share; formulas in engine/op/lrn.go.
#pragma once

#include "device.h"

// Normalisation is the formula's attributes; alpha is its coefficient, already divided where that is asked for.
struct Normalisation {
    float k, alpha, beta;
};

// power is s^-beta.
DEVICE float power(float s, float beta) {
    if (beta == 0.75f) {
        const float r = rsqrtf(s);
        return r * sqrtf(r);
    }
    return powf(s, -beta);
}

// Column is one thread's work: channels first to last of a group at one place. The launch sees to it that an image has
// less than 2^31 elements.
struct Column {
    int64_t at; // of the group's channel 0
    int first, last, channels, area;
    bool valid;
};

DEVICE Column column_of(uint32_t places, int groups, int channels, int area, int chunk) {
    const uint32_t place = blockIdx.x * blockDim.x + threadIdx.x, image = place / (uint32_t)area;
    Column c;
    c.valid = place < places;
    c.at = ((int64_t)image * groups + blockIdx.y % groups) * channels * area + (place - image * area);
    c.first = blockIdx.y / groups * chunk;
    c.last = min(c.first + chunk, channels);
    c.channels = channels;
    c.area = area;
    return c;
}

// value is an element of a column, 0 outside of the group and beyond what its chunk needs.
template <int half, class T> DEVICE float value(const Column &c, const T *x, int channel) {
    return channel >= 0 && channel < min(c.channels, c.last + half) ? load(x + channel * c.area) : 0.f;
}

// steps is how many channels a thread takes at a time.
enum { steps = 4 };
AGREED(lrn_steps, steps)

// read has some channels' values, whose loads are under way together.
template <int half, int count, class T> DEVICE void read(float *to, const Column &c, const T *x, int channel) {
#pragma unroll
    for (int k = 0; k < count; k++) to[k] = value<half>(c, x, channel + k);
}

// slide moves a window on by the `steps` channels that were read behind the `kept` ones.
template <int kept, class V> DEVICE void slide(V *window) {
#pragma unroll
    for (int i = 0; i < kept; i++) window[i] = window[i + steps];
}

// scale_of is the formula's s in the middle of a window of n channels.
template <int n> DEVICE float scale_of(const float *window, const Normalisation &f) {
    float squares = 0.f;
#pragma unroll
    for (int i = 0; i < n; i++) squares += window[i] * window[i];
    return f.k + f.alpha * squares;
}

// Term is what the gradient needs of a channel: x, dy*s^-beta and dy*x*s^(-beta-1).
struct Term {
    float x, direct, shared;
};

DEVICE Term term(float x, float scale, float dy, float beta) {
    Term t;
    t.x = x;
    t.direct = dy * power(scale, beta);
    t.shared = t.direct * x / scale;
    return t;
}

// gradient is the one in the middle of a window of n channels; factor is 2*alpha*beta.
template <int n> DEVICE float gradient(const Term *window, float factor) {
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < n; i++) sum += window[i].shared;
    const Term own = window[n / 2];
    return own.direct - factor * own.x * sum;
}
