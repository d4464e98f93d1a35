//go:build turbo && cgo

// resample_turbo.c: resample.go in C, vectorised by hand where the CPU has AVX2; the same bits.

#include "resample_turbo.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))
#endif

static inline uint8_t rounded(int32_t sum, int bits) {
	int32_t v = (sum + (1 << (bits - 1))) >> bits;
	return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

static inline void rows_plain(const axis *a, const uint8_t *src, int channels, uint8_t *dst) {
	for (int i = 0; i < a->n; i++) {
		const uint8_t *in = src + (ptrdiff_t)a->start[i] * channels;
		const int16_t *coef = a->coef + (size_t)i * a->taps;
		for (int c = 0; c < channels; c++) {
			int32_t sum = 0;
			for (int k = 0; k < a->taps; k++) sum += coef[k] * in[k * channels + c];
			dst[i * channels + c] = rounded(sum, a->bits);
		}
	}
}

static void columns_plain(const axis *a, const uint8_t *src, ptrdiff_t stride, int rows, int width, uint8_t *dst) {
	enum { BLOCK = 64 }; // columns whose sums stay in registers or close
	for (int i = 0; i < a->n; i++) {
		const int16_t *coef = a->coef + (size_t)i * a->taps;
		int taps = a->taps < rows - a->start[i] ? a->taps : rows - a->start[i];
		for (int x = 0; x < width; x += BLOCK) {
			int n = width - x < BLOCK ? width - x : BLOCK;
			int32_t sum[BLOCK] = {0};
			for (int k = 0; k < taps; k++) {
				const uint8_t *in = src + (a->start[i] + k) * stride + x;
				for (int j = 0; j < n; j++) sum[j] += coef[k] * in[j];
			}
			for (int j = 0; j < n; j++) dst[(ptrdiff_t)i * width + x + j] = rounded(sum[j], a->bits);
		}
	}
}

#ifdef AVX2

AVX2 static void rows_grey_avx2(const axis *a, const uint8_t *src, uint8_t *dst) {
	for (int i = 0; i < a->n; i++) {
		const uint8_t *in = src + a->start[i];
		const int16_t *coef = a->coef + (size_t)i * a->taps;
		__m128i sum = _mm_setzero_si128();
		int k = 0;
		for (; k + 8 <= a->taps; k += 8)
			sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(in + k))), _mm_loadu_si128((const __m128i *)(coef + k))));
		if (k < a->taps) // four are left
			sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(in + k))), _mm_loadl_epi64((const __m128i *)(coef + k))));
		sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
		sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
		dst[i] = rounded(_mm_cvtsi128_si32(sum), a->bits);
	}
}

// Four rows at a time. A register holds the sums of (r,g,b,-) over the taps 0,1 of four in its lower half, 2,3 in its
// upper. src [4][stride], dst [4][dst_stride], one byte more than the pixels is written.
AVX2 static void rows_rgb_avx2(const axis *a, const uint8_t *src, ptrdiff_t stride, uint8_t *dst, ptrdiff_t dst_stride) {
	// r0 r1, g0 g1, b0 b1 as 16-bit numbers out of r0 g0 b0 r1 g1 b1 ...; taps 2 and 3 begin at byte 6
	const __m256i spread = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
		6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
	const __m256i pairs = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
	const __m128i half = _mm_set1_epi32(1 << (a->bits - 1)), bits = _mm_cvtsi32_si128(a->bits);
	for (int i = 0; i < a->n; i++) {
		const uint8_t *in = src + (ptrdiff_t)a->start[i] * 3;
		const int16_t *coef = a->coef + (size_t)i * a->taps;
		__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
		for (int k = 0; k < a->taps; k += 4, in += 12) {
			__m256i c = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(_mm_loadl_epi64((const __m128i *)(coef + k))), pairs);
#define TAPS(row) _mm256_madd_epi16(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(in + (row) * stride))), spread), c)
			s0 = _mm256_add_epi32(s0, TAPS(0));
			s1 = _mm256_add_epi32(s1, TAPS(1));
			s2 = _mm256_add_epi32(s2, TAPS(2));
			s3 = _mm256_add_epi32(s3, TAPS(3));
#undef TAPS
		}
#define SUM(s) _mm_sra_epi32(_mm_add_epi32(_mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1)), half), bits)
		__m128i v = _mm_packus_epi16(_mm_packs_epi32(SUM(s0), SUM(s1)), _mm_packs_epi32(SUM(s2), SUM(s3)));
#undef SUM
		uint32_t p[4];
		_mm_storeu_si128((__m128i *)p, v);
		for (int r = 0; r < 4; r++) memcpy(dst + r * dst_stride + i * 3, &p[r], 4);
	}
}

// 32 columns at a time, two rows a step.
AVX2 static void columns_avx2(const axis *a, const uint8_t *src, ptrdiff_t stride, int rows, int width, uint8_t *dst) {
	const __m128i bits = _mm_cvtsi32_si128(a->bits);
	const __m256i half = _mm256_set1_epi32(1 << (a->bits - 1));
	for (int i = 0; i < a->n; i++) {
		const int16_t *coef = a->coef + (size_t)i * a->taps;
		int left = rows - a->start[i];
		int taps = a->taps < left ? a->taps : left;
		for (int x = 0; x < width; x += 32) {
			const uint8_t *in = src + a->start[i] * stride + x;
			__m256i s0 = half, s1 = half, s2 = half, s3 = half;
			for (int k = 0; k < taps; k += 2, in += 2 * stride) {
				int last = k + 1 == taps; // an odd row out: its pair is itself, with a coefficient of 0
				uint32_t c2 = (uint16_t)coef[k] | (last ? 0 : (uint32_t)(uint16_t)coef[k + 1] << 16);
				__m256i c = _mm256_set1_epi32((int)c2);
				__m256i p = _mm256_loadu_si256((const __m256i *)in), q = _mm256_loadu_si256((const __m256i *)(last ? in : in + stride));
				__m256i low = _mm256_unpacklo_epi8(p, q), high = _mm256_unpackhi_epi8(p, q);
				s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(low)), c));
				s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(high)), c));
				s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(low, 1)), c));
				s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(high, 1)), c));
			}
			// s0: columns 0-7, s1: 8-15, s2: 16-23, s3: 24-31; packing works within halves
			__m256i low = _mm256_packs_epi32(_mm256_sra_epi32(s0, bits), _mm256_sra_epi32(s1, bits));
			__m256i high = _mm256_packs_epi32(_mm256_sra_epi32(s2, bits), _mm256_sra_epi32(s3, bits));
			__m256i v = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
			uint8_t *to = dst + (ptrdiff_t)i * width + x;
			if (width - x >= 32) {
				_mm256_storeu_si256((__m256i *)to, v);
			} else {
				uint8_t tail[32];
				_mm256_storeu_si256((__m256i *)tail, v);
				memcpy(to, tail, (size_t)(width - x));
			}
		}
	}
}
#endif

void resample_rows(const axis *a, int simd, const uint8_t *src, ptrdiff_t stride, int rows, int channels, uint8_t *dst, ptrdiff_t dst_stride) {
	int r = 0;
	if (a->taps == 1) {
		for (; r < rows; r++) memcpy(dst + r * dst_stride, src + r * stride, (size_t)a->n * channels);
		return;
	}
#ifdef AVX2
	if (simd && channels == 3)
		for (; r + 4 <= rows; r += 4) rows_rgb_avx2(a, src + r * stride, stride, dst + r * dst_stride, dst_stride);
	if (simd && channels == 1)
		for (; r < rows; r++) rows_grey_avx2(a, src + r * stride, dst + r * dst_stride);
#endif
	for (; r < rows; r++) {
		if (channels == 3)
			rows_plain(a, src + r * stride, 3, dst + r * dst_stride);
		else
			rows_plain(a, src + r * stride, 1, dst + r * dst_stride);
	}
}

void resample_columns(const axis *a, int simd, const uint8_t *src, ptrdiff_t stride, int rows, int width, uint8_t *dst) {
	if (a->taps == 1) {
		for (int i = 0; i < a->n; i++) memcpy(dst + (ptrdiff_t)i * width, src + i * stride, (size_t)width);
		return;
	}
#ifdef AVX2
	if (simd) {
		columns_avx2(a, src, stride, rows, width, dst);
		return;
	}
#endif
	columns_plain(a, src, stride, rows, width, dst);
}

int resample_simd(void) {
#ifdef AVX2
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") != 0;
#else
	return 0;
#endif
}
