// turbo.h: what turbo.go calls; layouts and formulas are in axis.go and resample.go.
#ifndef DUET_PICTURE_TURBO_H
#define DUET_PICTURE_TURBO_H

#include <stddef.h>
#include <stdint.h>

enum { TURBO_OK, TURBO_ERROR, TURBO_TRUNCATED, TURBO_MEMORY };

// What rows are longer than their pixels, in bytes.
enum { TURBO_SLACK = 64 };

typedef struct turbo turbo;

// turbo_open gives NULL without memory. simd 0 leaves out what is vectorised by hand: for tests.
turbo *turbo_open(int simd);
// turbo_simd says whether it is used.
int turbo_simd(const turbo *);
void turbo_close(turbo *);

// turbo_axis sets the resampling of x (which 0) or y (1): start [n], coef [n][taps]; both are copied. 0 without memory.
int turbo_axis(turbo *, int which, int from, int to, int taps, int bits, int n, const int32_t *start,
               const int16_t *coef);

// turbo_rows and turbo_columns are resampler's rows and columns, of the axes that were set.
void turbo_rows(const turbo *, const uint8_t *src, ptrdiff_t stride, int rows, int channels, uint8_t *dst,
                ptrdiff_t dst_stride);
void turbo_columns(const turbo *, const uint8_t *src, ptrdiff_t stride, int rows, int width, uint8_t *dst);

// turbo_jpeg decodes a JPEG of width x height pixels, at 1/shrink of its size, through both axes, into dst [n][n] of 1
// channel if the JPEG is grey, else 3. With allow it goes on where data are missing or damaged, and sets *truncated.
int turbo_jpeg(turbo *, const uint8_t *data, size_t len, int width, int height, int shrink, int allow, uint8_t *dst,
               int *truncated);

// turbo_encode makes a JPEG of pixels [size][size][3]; the caller frees *out.
int turbo_encode(turbo *, const uint8_t *pixels, int size, int quality, int full_chroma, uint8_t **out,
                 unsigned long *len);

// turbo_message is the last error's text.
const char *turbo_message(const turbo *);
const char *turbo_version(void);

#endif
