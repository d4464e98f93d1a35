// course.h: what the steps of the course share: where a convolution's window lies, and where elements lie in memory.
// One group, stride 1, channels a multiple of 64, maps of 128: AlexNet's conv3. The formula is in engine/op/conv2d.go.
//
//   y[place, map] = sum over (u, v, channel) of x[place moved by (u, v) - pad, channel] * w[map, u, v, channel]
//
// so a convolution is a product of matrices, [places, window] times [window, maps], of which the first is never made.
#pragma once

#include "conv2d.h"

// Place is a place of the output: its image, and the input's row and column at which its window begins. Behind the last
// place, image is at least c.images.
struct Place {
    int image, top, left;
};

DEVICE Place place_of(const Conv2D &c, int number) {
    const int image = quotient(number, c.area), inside = number - image * c.out_height * c.out_width,
              row = quotient(inside, c.row);
    const Place p = {image, row - c.pad, inside - row * c.out_width - c.pad};
    return p;
}

DEVICE int count_of_places(const Conv2D &c) { return c.images * c.out_height * c.out_width; }
DEVICE int window_of(const Conv2D &c) { return c.kernel * c.kernel * c.channels; }

// meets says whether a window's element (u, v) lies in the image, and not in its padding.
DEVICE bool meets(const Conv2D &c, const Place &p, int u, int v) {
    return p.image < c.images && (unsigned)(p.top + u) < (unsigned)c.height &&
           (unsigned)(p.left + v) < (unsigned)c.width;
}

// first_at is where the element is in x, [N,C,H,W]; last_at where its channel 0 is in x, [N,H,W,C].
DEVICE int first_at(const Conv2D &c, const Place &p, int u, int v, int channel) {
    return ((p.image * c.channels + channel) * c.height + p.top + u) * c.width + p.left + v;
}
DEVICE int last_at(const Conv2D &c, const Place &p, int u, int v) {
    return ((p.image * c.height + p.top + u) * c.width + p.left + v) * c.channels;
}

// output_at is where a map's place is in y, [N,O,H',W'].
DEVICE int output_at(const Conv2D &c, int place, int map) {
    const int area = c.out_height * c.out_width, image = quotient(place, c.area);
    return (image * c.maps + map) * area + place - image * area;
}
