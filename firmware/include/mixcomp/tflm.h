/* Contract tflm: what TensorFlow Lite Micro computes of the same file, SPEC.md 9. Its kernels are those of q32 with another
 * requantizer and a name of their own, and a few of its own; kernels/catalogue.toml lists both.
 * In their structs the words of an mce_requant are what internal/tflm.h and the headers beside it say. */
#ifndef MIXCOMP_TFLM_H
#define MIXCOMP_TFLM_H

#include "mixcomp/avgpool2d.h"
#include "mixcomp/concat.h"
#include "mixcomp/conv2d_add.h"
#include "mixcomp/conv2d_transpose.h"
#include "mixcomp/dense.h"
#include "mixcomp/dwconv2d.h"
#include "mixcomp/matmul.h"
#include "mixcomp/mul.h"
#include "mixcomp/prelu.h"
#include "mixcomp/reduce_sum.h"
#include "mixcomp/rescale.h"
#include "mixcomp/resize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A real number m * 2^(shift - 31), SPEC.md 3: 2^30 <= m < 2^31, or 0; -31 <= shift <= 30 */
typedef struct mce_factor {
    int32_t m, shift;
} mce_factor;

/* Two values that become one: add, blend, minimum, maximum. */
typedef struct mce_terms {
    mce_operand a, b;
    mce_type y_type;
    int32_t y_zero;
    int32_t n;                   /* elements of y */
    int32_t a_sign, b_sign;      /* of a sum: 1 or -1 */
    mce_factor a_by, b_by, y_by; /* y_by: of a sum */
} mce_terms;

typedef struct mce_tflm_softmax {
    mce_tensor x;
    const int32_t *table; /* [16] when x has 4 bits, else [256]: exp of minus so many steps of x, Q0.31 */
} mce_tflm_softmax;

typedef struct mce_tflm_log_softmax {
    mce_tensor x, y;
    const int32_t *table; /* as that of a softmax */
    int32_t least;        /* of differences from the largest x, those that count; at most 0 */
    mce_factor step;      /* Q5.26 of a difference */
    mce_factor back;      /* a difference of Q5.26 */
    mce_factor by;        /* y of sixteenths */
} mce_tflm_log_softmax;

/* scratch: mce_scratch[kh*kw*x.c/groups], the input patch under the kernel. */
void mce_conv2d_u4_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u4_w4_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);
void mce_conv2d_add_s4_w4_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);
void mce_conv2d_add_u8_w4_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);
void mce_conv2d_add_s8_w4_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);
void mce_conv2d_add_u4_w8_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);
void mce_conv2d_add_s4_w8_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);
void mce_conv2d_add_u8_w8_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);
void mce_conv2d_add_s8_w8_tflm__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                  mce_scratch *scratch);

/* scratch: the outputs of conv, up to a multiple of four bytes, then the scratch of conv2d. */
void mce_conv2d_transpose_u4_w4_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);
void mce_conv2d_transpose_s4_w4_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);
void mce_conv2d_transpose_u8_w4_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);
void mce_conv2d_transpose_s8_w4_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);
void mce_conv2d_transpose_u4_w8_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);
void mce_conv2d_transpose_s4_w8_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);
void mce_conv2d_transpose_u8_w8_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);
void mce_conv2d_transpose_s8_w8_tflm__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch);

void mce_dwconv2d_u4_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s4_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_u8_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s8_w4_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_u4_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s4_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_u8_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s8_w8_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dense_u4_w4_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s4_w4_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_u8_w4_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s8_w4_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_u4_w8_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s4_w8_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_u8_w8_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s8_w8_tflm__c(const mce_dense *p, const uint8_t *x, uint8_t *y);

/* scratch: 256 bytes. y may be a or b when both have as many elements, and bits an element. */
void mce_add_tflm__c(const mce_terms *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);
void mce_blend_tflm__c(const mce_terms *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);
void mce_minimum_tflm__c(const mce_terms *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);
void mce_maximum_tflm__c(const mce_terms *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);
void mce_mul_tflm__c(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);

/* y may be x when both have as many bits an element. */
void mce_rescale_tflm__c(const mce_rescale *p, const uint8_t *x, uint8_t *y);
void mce_prelu_tflm__c(const mce_prelu *p, const uint8_t *x, uint8_t *y);

void mce_avgpool2d_tflm__c(const mce_pool2d *p, const uint8_t *x, uint8_t *y);
void mce_concat_tflm__c(const mce_concat *p, const uint8_t *x, uint8_t *y);
void mce_matmul_tflm__c(const mce_matmul *p, const uint8_t *a, const uint8_t *b, uint8_t *y);
void mce_reduce_sum_tflm__c(const mce_reduce *p, const uint8_t *x, uint8_t *y);
void mce_softmax_tflm__c(const mce_tflm_softmax *p, const uint8_t *x, uint8_t *y);

/* On cores with instructions of their own, whose sums are those of q32; scratch as there. */
void mce_conv2d_u8_fx4_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w4_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w4_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_pairs_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_pairs_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_fx4_tflm__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_fx4_tflm__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4_tflm__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4_tflm__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_fx4_tflm__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_fx4_tflm__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4_tflm__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4_tflm__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_fx4_tflm__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_fx4_tflm__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4_tflm__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4_tflm__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w8_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w8_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w8_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w8_tflm__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u8_fx4_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s8_fx4_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_u8_w4_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                    mce_scratch *scratch);
void mce_conv2d_add_s8_w4_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                    mce_scratch *scratch);
void mce_conv2d_add_u4_w4_pairs_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                          mce_scratch *scratch);
void mce_conv2d_add_s4_w4_pairs_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                          mce_scratch *scratch);
void mce_conv2d_add_u4_fx4_tflm__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s4_fx4_tflm__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_u8_fx4_tflm__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s8_fx4_tflm__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_u4_fx4_tflm__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s4_fx4_tflm__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_u8_fx4_tflm__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s8_fx4_tflm__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_u4_fx4_tflm__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_add_s4_fx4_tflm__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_add_u8_fx4_tflm__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_add_s8_fx4_tflm__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_add_u4_w8_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                    mce_scratch *scratch);
void mce_conv2d_add_s4_w8_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                    mce_scratch *scratch);
void mce_conv2d_add_u8_w8_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                    mce_scratch *scratch);
void mce_conv2d_add_s8_w8_tflm__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                    mce_scratch *scratch);
void mce_dwconv2d_u4_w4_3x3_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w8_3x3_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w8_3x3_tflm__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_fx4_tflm__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4_tflm__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4_tflm__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4_tflm__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_fx4_tflm__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4_tflm__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4_tflm__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4_tflm__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_fx4_tflm__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4_tflm__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4_tflm__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4_tflm__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u8_fx4_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_u8_w4_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                          mce_scratch *scratch);
void mce_conv2d_transpose_s8_w4_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                          mce_scratch *scratch);
void mce_conv2d_transpose_u4_w4_pairs_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                                mce_scratch *scratch);
void mce_conv2d_transpose_s4_w4_pairs_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                                mce_scratch *scratch);
void mce_conv2d_transpose_u4_fx4_tflm__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s4_fx4_tflm__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_u8_fx4_tflm__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4_tflm__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_u4_fx4_tflm__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s4_fx4_tflm__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_u8_fx4_tflm__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4_tflm__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_u4_fx4_tflm__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                            mce_scratch *scratch);
void mce_conv2d_transpose_s4_fx4_tflm__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                            mce_scratch *scratch);
void mce_conv2d_transpose_u8_fx4_tflm__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                            mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4_tflm__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                            mce_scratch *scratch);
void mce_conv2d_transpose_u4_w8_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                          mce_scratch *scratch);
void mce_conv2d_transpose_s4_w8_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                          mce_scratch *scratch);
void mce_conv2d_transpose_u8_w8_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                          mce_scratch *scratch);
void mce_conv2d_transpose_s8_w8_tflm__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                          mce_scratch *scratch);

void mce_log_softmax_tflm__c(const mce_tflm_log_softmax *p, const uint8_t *x, uint8_t *y);

/* rows and columns: where TFLM looks. */
void mce_resize_tflm__c(const mce_resize *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
