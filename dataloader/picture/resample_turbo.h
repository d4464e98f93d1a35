// resample_turbo.h: layouts and formulas are in axis.go and resample.go.
#ifndef DUET_PICTURE_RESAMPLE_TURBO_H
#define DUET_PICTURE_RESAMPLE_TURBO_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	int from, to, taps, bits, n;
	int32_t *start;
	int16_t *coef;
	size_t room; // coefficients that fit
} axis;

// resample_simd says whether there is something vectorised by hand that this CPU can run.
int resample_simd(void);

// resample_rows and resample_columns are resampler's rows and columns; simd 0 leaves out what is vectorised by hand.
void resample_rows(const axis *, int simd, const uint8_t *src, ptrdiff_t stride, int rows, int channels, uint8_t *dst,
                   ptrdiff_t dst_stride);
void resample_columns(const axis *, int simd, const uint8_t *src, ptrdiff_t stride, int rows, int width, uint8_t *dst);

#endif
