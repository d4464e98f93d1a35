// shim.h: what Go calls. Every function that makes something answers null and sets *error to an allocated message when
// it fails. Formulas and shapes of the operations are in engine/op.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct duet_layout duet_layout; // how a tensor lies in memory
typedef struct duet_kernel duet_kernel; // an operation prepared for the layouts of its inputs
typedef struct duet_job duet_job;       // a kernel bound to memory

// What kernels are prepared for: the size of the thread team, and whether activations are bf16.
typedef struct {
    int threads;
    int bf16;
} duet_device;

// Alignment of buffers in bytes, backend.Alignment.
enum { DUET_ALIGNMENT = 256 };

typedef enum { DUET_F32, DUET_U8, DUET_S32, DUET_BF16 } duet_type;

// The machine.
const char *duet_version(void);
const char *duet_isa(void);
int duet_has_bf16(void);
void duet_use_threads(int threads); // sets the team of the calling thread

// Memory of whole huge pages, zero.
void *duet_alloc(size_t bytes, char **error);
void duet_touch(void *memory, size_t bytes); // by all threads of the team
void duet_free(void *memory, size_t bytes);

// Layouts.
duet_layout *duet_plain(duet_type type, int rank, const int64_t *shape, char **error);
duet_layout *duet_master(const duet_layout *parameter, char **error); // of its fp32 section alone
size_t duet_layout_bytes(const duet_layout *l);
int64_t duet_layout_length(const duet_layout *l); // elements, without padding
duet_type duet_layout_type(const duet_layout *l);
char *duet_layout_describe(const duet_layout *l);
void duet_layout_free(duet_layout *l);
// Host arrays are row-major, of 4 bytes an element or of 1 for DUET_U8. These answer null or an allocated message.
char *duet_upload(const duet_layout *l, void *memory, const void *host, duet_type type);
char *duet_download(const duet_layout *l, const void *memory, void *host, duet_type type);

// What reads a parameter.
enum { DUET_FORWARD = 1, DUET_BACKWARD = 2, DUET_UPDATE = 4 };

typedef struct {
    int kernel, stride, pad, groups, relu;
} duet_convolution;

typedef struct {
    int size, groups;
    float k, alpha, beta; // alpha of the formula, not divided
} duet_normalisation;

typedef struct {
    int kernel, stride, pad;
    int64_t height, width; // of the output of pooling; of its input in the gradient
} duet_pooling;

typedef struct {
    uint32_t threshold, tag;
    float factor;
    uint64_t width, first;
} duet_mask;

typedef struct {
    float momentum, decay, rate;
} duet_update;

duet_layout *duet_conv2d_weight(duet_device d, duet_convolution c, const int64_t x[4], const int64_t w[4], int uses,
                                char **error);
duet_layout *duet_linear_weight(duet_device d, int64_t batch, const int64_t w[2], int uses, char **error);

// Kernels. A flag asks for the companion as a second output.
duet_kernel *duet_augment(duet_device d, int64_t crop, const float scale[3], const duet_layout *in[3], char **error);
duet_kernel *duet_warp(duet_device d, int64_t crop, const float scale[3], const duet_layout *in[3], char **error);
duet_kernel *duet_conv2d(duet_device d, duet_convolution c, const duet_layout *in[3], char **error);
duet_kernel *duet_conv2d_grad_input(duet_device d, duet_convolution c, int64_t h, int64_t w, const duet_layout *in[2],
                                    char **error);
duet_kernel *duet_conv2d_grad_weight(duet_device d, duet_convolution c, int bias, const duet_layout *in[2],
                                     char **error);
duet_kernel *duet_linear(duet_device d, int relu, const duet_layout *in[3], char **error);
duet_kernel *duet_linear_grad_input(duet_device d, const duet_layout *in[2], char **error);
duet_kernel *duet_linear_grad_weight(duet_device d, int bias, const duet_layout *in[2], char **error);
duet_kernel *duet_relu(duet_device d, const duet_layout *in[1], char **error);
duet_kernel *duet_relu_grad(duet_device d, const duet_layout *in[2], char **error);
duet_kernel *duet_tanh(duet_device d, const duet_layout *in[1], char **error);
duet_kernel *duet_tanh_grad(duet_device d, const duet_layout *in[2], char **error);
duet_kernel *duet_lrn(duet_device d, duet_normalisation n, int scale, const duet_layout *in[1], char **error);
duet_kernel *duet_lrn_grad(duet_device d, duet_normalisation n, const duet_layout *in[3], char **error);
duet_kernel *duet_max_pool(duet_device d, duet_pooling p, int argmax, const duet_layout *in[1], char **error);
duet_kernel *duet_max_pool_grad(duet_device d, duet_pooling p, const duet_layout *in[2], char **error);
duet_kernel *duet_avg_pool(duet_device d, duet_pooling p, int padded, const duet_layout *in[1], char **error);
duet_kernel *duet_avg_pool_grad(duet_device d, duet_pooling p, int padded, const duet_layout *in[1], char **error);
duet_kernel *duet_dropout(duet_device d, duet_mask m, const duet_layout *in[2], char **error);
duet_kernel *duet_scale(duet_device d, float factor, const duet_layout *in[1], char **error);
duet_kernel *duet_flatten(duet_device d, const duet_layout *in[1], char **error);
duet_kernel *duet_unflatten(duet_device d, int64_t c, int64_t h, int64_t w, const duet_layout *in[1], char **error);
duet_kernel *duet_concat(duet_device d, const duet_layout *in[2], char **error);
duet_kernel *duet_slice(duet_device d, int64_t first, int64_t end, const duet_layout *in[1], char **error);
duet_kernel *duet_add(duet_device d, const duet_layout *in[2], char **error);
duet_kernel *duet_send(duet_device d, const duet_layout *in[1], char **error);
duet_kernel *duet_softmax(duet_device d, const duet_layout *in[1], char **error);
duet_kernel *duet_softmax_loss(duet_device d, float smoothing, int weighted, const duet_layout *in[3], char **error);
duet_kernel *duet_softmax_loss_grad(duet_device d, float smoothing, int weighted, const duet_layout *in[4],
                                    char **error);
duet_kernel *duet_top_errors(duet_device d, const duet_layout *in[2], char **error);
duet_kernel *duet_ema(duet_device d, float decay, const duet_layout *in[2], char **error);
duet_kernel *duet_sgd(duet_device d, duet_update u, int peak, const duet_layout *in[4], char **error);

int duet_kernel_outputs(const duet_kernel *k);
duet_layout *duet_kernel_output(const duet_kernel *k, int index); // a copy
size_t duet_kernel_scratch(const duet_kernel *k);
int duet_kernel_in_place(const duet_kernel *k);
const char *duet_kernel_name(const duet_kernel *k);
void duet_kernel_free(duet_kernel *k);

// Jobs. duet_run answers null, or a message that lives as long as the job.
duet_job *duet_bind(const duet_kernel *k, void *const *in, void *const *out, void *scratch, char **error);
const char *duet_run(duet_job *j);
void duet_job_free(duet_job *j);

#ifdef __cplusplus
}
#endif
