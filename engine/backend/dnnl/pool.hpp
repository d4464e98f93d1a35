// pool.hpp: which places are in which windows, for the loops of max and average pooling.
#pragma once

#include "loops.hpp"

namespace duet {

constexpr int64_t lanes = 16; // channels that are worked on together
constexpr int64_t tile = 64;  // places of a row

// Pool is a pooling of planes of H x W places to planes of OH x OW.
struct Pool {
    int64_t kernel, stride, pad, h, w, oh, ow, block;
};

// Span is a range of places or of windows.
struct Span {
    int64_t begin, end;
};

// inside is the part of a window that starts at start which is inside an extent of n.
INLINE Span inside(const Pool &p, int64_t start, int64_t n) {
    return {std::max<int64_t>(start, 0), std::min(start + p.kernel, n)};
}

// covering are the windows of n that place h is in.
INLINE Span covering(const Pool &p, int64_t h, int64_t n) {
    const int64_t first = h + p.pad - p.kernel + 1;
    return {first <= 0 ? 0 : (first + p.stride - 1) / p.stride, std::min((h + p.pad) / p.stride + 1, n)};
}

// hitting are the windows of those given whose column v is a place from begin up to end.
INLINE Span hitting(const Pool &p, int64_t v, Span places, Span windows) {
    const int64_t first = places.begin + p.pad - v, last = places.end - 1 + p.pad - v;
    if (last < 0) return {0, 0};
    return {std::max(windows.begin, first <= 0 ? 0 : (first + p.stride - 1) / p.stride),
            std::min(windows.end, last / p.stride + 1)};
}

} // namespace duet
