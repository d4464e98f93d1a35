//go:build turbo && cgo

// turbo.c: JPEG through libjpeg-turbo.
// A picture's rows go through the x axis as they are decoded; only what comes out of it is kept.

#include "turbo.h"

#include "resample_turbo.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#ifndef LIBJPEG_TURBO_VERSION
#error "jpeglib.h is not libjpeg-turbo's"
#endif

enum { CHUNK = 8, KEPT_BYTES = 4 << 20 };

typedef struct {
	uint8_t *at;
	size_t len;
} buffer;

struct turbo {
	struct jpeg_decompress_struct d;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr source;
	jmp_buf fail;
	int code, allow, truncated, simd;
	char message[JMSG_LENGTH_MAX];
	axis x, y;
	buffer chunk, middle;
};

const char *turbo_message(const turbo *t) { return t->message; }

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const char *turbo_version(void) { return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION); }

int turbo_simd(const turbo *t) { return t->simd; }

void turbo_rows(const turbo *t, const uint8_t *src, ptrdiff_t stride, int rows, int channels, uint8_t *dst, ptrdiff_t dst_stride) {
	resample_rows(&t->x, t->simd, src, stride, rows, channels, dst, dst_stride);
}

void turbo_columns(const turbo *t, const uint8_t *src, ptrdiff_t stride, int rows, int width, uint8_t *dst) {
	resample_columns(&t->y, t->simd, src, stride, rows, width, dst);
}

int turbo_axis(turbo *t, int which, int from, int to, int taps, int bits, int n, const int32_t *start, const int16_t *coef) {
	axis *a = which ? &t->y : &t->x;
	size_t coefs = taps == 1 ? 0 : (size_t)n * taps;
	if (coefs + n > a->room || a->room > coefs + n + KEPT_BYTES) {
		free(a->start);
		free(a->coef);
		a->room = coefs + n;
		a->start = malloc(a->room * sizeof *start);
		a->coef = malloc(a->room * sizeof *coef);
		if (!a->start || !a->coef) {
			a->room = 0;
			return 0;
		}
	}
	a->from = from, a->to = to, a->taps = taps, a->bits = bits, a->n = n;
	memcpy(a->start, start, n * sizeof *start);
	if (coefs) memcpy(a->coef, coef, coefs * sizeof *coef);
	return 1;
}

static void fail(j_common_ptr c) {
	turbo *t = c->client_data;
	c->err->format_message(c, t->message);
	if (!t->code) t->code = c->err->msg_code == JERR_OUT_OF_MEMORY ? TURBO_MEMORY : TURBO_ERROR;
	longjmp(t->fail, 1);
}

// message takes the library's warnings (level -1). Those that mean missing or damaged pixels end the decoding, if that
// is not allowed; the others are of no consequence.
static void message(j_common_ptr c, int level) {
	turbo *t = c->client_data;
	if (level >= 0) return;
	switch (c->err->msg_code) {
	case JWRN_HIT_MARKER:
	case JWRN_JPEG_EOF:
		t->code = TURBO_TRUNCATED;
		break;
	case JWRN_HUFF_BAD_CODE:
	case JWRN_MUST_RESYNC:
	case JWRN_BOGUS_PROGRESSION:
		t->code = TURBO_ERROR;
		break;
	default:
		return;
	}
	t->truncated = 1;
	if (!t->allow) fail(c);
	t->code = 0;
}

static void no_message(j_common_ptr c) { (void)c; }

static void source_none(j_decompress_ptr d) { (void)d; }

// source_end is called when the file has been read to its end, which is too early: an end marker is made up.
static boolean source_end(j_decompress_ptr d) {
	static const JOCTET end[] = {0xff, JPEG_EOI};
	d->err->msg_code = JWRN_JPEG_EOF;
	message((j_common_ptr)d, -1);
	d->src->next_input_byte = end;
	d->src->bytes_in_buffer = sizeof end;
	return TRUE;
}

static void source_skip(j_decompress_ptr d, long n) {
	if (n <= 0) return;
	if ((size_t)n > d->src->bytes_in_buffer) {
		source_end(d);
		return;
	}
	d->src->next_input_byte += n;
	d->src->bytes_in_buffer -= (size_t)n;
}

// start gives the library its callbacks. 0: it does not start, as with a library of another version than the header's.
static int start(turbo *t) {
	t->d.err = jpeg_std_error(&t->errors);
	t->errors.error_exit = fail;
	t->errors.emit_message = message;
	t->errors.output_message = no_message;
	t->d.client_data = t;
	if (setjmp(t->fail)) return 0;
	jpeg_create_decompress(&t->d);
	t->source.init_source = source_none;
	t->source.fill_input_buffer = source_end;
	t->source.skip_input_data = source_skip;
	t->source.resync_to_restart = jpeg_resync_to_restart;
	t->source.term_source = source_none;
	t->d.src = &t->source;
	return 1;
}

turbo *turbo_open(int simd) {
	turbo *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->simd = simd && resample_simd();
	if (start(t)) return t;
	free(t);
	return NULL;
}

void turbo_close(turbo *t) {
	if (!t) return;
	jpeg_destroy_decompress(&t->d);
	free(t->x.start), free(t->x.coef), free(t->y.start), free(t->y.coef);
	free(t->chunk.at), free(t->middle.at);
	free(t);
}

// grow makes a buffer hold len bytes; what it held is lost.
static int grow(buffer *b, size_t len) {
	if (len <= b->len) return 1;
	free(b->at);
	b->at = malloc(len);
	b->len = b->at ? len : 0;
	return b->at != NULL;
}

static void let_go(buffer *b) {
	if (b->len <= KEPT_BYTES) return;
	free(b->at);
	b->at = NULL;
	b->len = 0;
}

// ink makes RGB of inverted CMYK in place, as convertCMYK.
static void ink(uint8_t *row, int width) {
	for (int i = 0; i < width; i++) {
		uint32_t k = row[4 * i + 3];
		for (int c = 0; c < 3; c++) row[3 * i + c] = (uint8_t)(row[4 * i + c] * k * 257 / 255 >> 8);
	}
}

static int out_of_memory(turbo *t) {
	snprintf(t->message, sizeof t->message, "out of memory");
	jpeg_abort_decompress(&t->d);
	return TURBO_MEMORY;
}

int turbo_jpeg(turbo *t, const uint8_t *data, size_t len, int width, int height, int shrink, int allow, uint8_t *dst, int *truncated) {
	j_decompress_ptr d = &t->d;
	t->code = t->truncated = 0;
	t->allow = allow;
	t->errors.num_warnings = 0;
	if (setjmp(t->fail)) {
		jpeg_abort_decompress(d);
		let_go(&t->chunk), let_go(&t->middle);
		return t->code;
	}
	t->source.next_input_byte = data;
	t->source.bytes_in_buffer = len;
	jpeg_read_header(d, TRUE);
	int channels = d->num_components == 1 ? 1 : 3;
	d->out_color_space = d->num_components == 1 ? JCS_GRAYSCALE : d->num_components == 3 ? JCS_RGB : JCS_CMYK;
	d->scale_num = 1, d->scale_denom = (unsigned)shrink;
	jpeg_start_decompress(d);
	if ((int)d->output_width != width || (int)d->output_height != height) {
		snprintf(t->message, sizeof t->message, "%ux%u pixels where the markers say %dx%d", d->output_width, d->output_height, width, height);
		jpeg_abort_decompress(d);
		return TURBO_ERROR;
	}
	ptrdiff_t stride = (ptrdiff_t)width * d->output_components + TURBO_SLACK;
	ptrdiff_t middle_stride = (ptrdiff_t)t->x.n * channels + TURBO_SLACK;
	int rows = t->y.to - t->y.from;
	if (!grow(&t->chunk, (size_t)(stride * CHUNK + TURBO_SLACK)) || !grow(&t->middle, (size_t)(middle_stride * rows + TURBO_SLACK))) return out_of_memory(t);
	JSAMPROW lines[CHUNK];
	for (int i = 0; i < CHUNK; i++) lines[i] = t->chunk.at + i * stride;
	for (int y = 0; y < height;) {
		int n = height - y < CHUNK ? height - y : CHUNK;
		if (y < t->y.from && y + n > t->y.from) n = t->y.from - y; // no chunk is half needed
		for (int have = 0; have < n;) have += (int)jpeg_read_scanlines(d, lines + have, (JDIMENSION)(n - have));
		int at = y - t->y.from, needed = rows - at < n ? rows - at : n;
		if (at >= 0 && needed > 0) {
			if (d->output_components == 4)
				for (int i = 0; i < needed; i++) ink(lines[i], width);
			turbo_rows(t, t->chunk.at + (ptrdiff_t)t->x.from * channels, stride, needed, channels, t->middle.at + at * middle_stride, middle_stride);
		}
		y += n;
	}
	jpeg_finish_decompress(d);
	turbo_columns(t, t->middle.at, middle_stride, rows, t->x.n * channels, dst);
	let_go(&t->chunk), let_go(&t->middle);
	*truncated = t->truncated;
	return TURBO_OK;
}

int turbo_encode(turbo *t, const uint8_t *pixels, int size, int quality, int full_chroma, uint8_t **out, unsigned long *len) {
	struct jpeg_compress_struct c = {0};
	size_t padded = (size_t)(size + 15) & ~(size_t)15;
	*len = 6 * padded * padded + 2048; // the most that a JPEG can take, so that the library takes no memory of its own
	*out = malloc(*len);
	if (!*out) return out_of_memory(t);
	c.err = &t->errors;
	c.client_data = t;
	t->code = 0;
	t->allow = 1;
	if (setjmp(t->fail)) {
		jpeg_destroy_compress(&c);
		free(*out);
		*out = NULL;
		return t->code;
	}
	jpeg_create_compress(&c);
	jpeg_mem_dest(&c, out, len);
	c.image_width = c.image_height = (JDIMENSION)size;
	c.input_components = 3;
	c.in_color_space = JCS_RGB;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, quality, TRUE);
	c.optimize_coding = TRUE;
	if (full_chroma) c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = 1;
	jpeg_start_compress(&c, TRUE);
	while (c.next_scanline < c.image_height) {
		JSAMPROW row = (JSAMPROW)(pixels + (size_t)c.next_scanline * (size_t)size * 3);
		jpeg_write_scanlines(&c, &row, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	return TURBO_OK;
}
