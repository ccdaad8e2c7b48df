/* conv2d_transpose, SPEC.md 4.19: a call for each phase. types.h says how kernels are named; kernels/catalogue.toml which of
 * them take what packing. x and y never overlap. */
#ifndef MIXCOMP_CONV2D_TRANSPOSE_H
#define MIXCOMP_CONV2D_TRANSPOSE_H

#include "mixcomp/conv2d.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The outputs of one phase: those at rows row, row + sh, ... and columns column, column + sw, ... */
typedef struct mce_conv2d_transpose {
    mce_conv2d conv; /* makes them, and before them skip_rows rows and skip_columns columns that y does not hold */
    mce_tensor y;
    int32_t row, column, sh, sw;
    int32_t skip_rows, skip_columns;
} mce_conv2d_transpose;

/* scratch: the outputs of conv, up to a multiple of four bytes, then the scratch of conv2d. */
void mce_conv2d_transpose_u4_w4__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_s4_w4__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u8_w4__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_s8_w4__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_s4_w8__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u4_w8__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u8_w8__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_s8_w8__c(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_conv2d_transpose_u8_fx4__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_u4_w4__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_s4_w4__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u8_w4__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_s8_w4__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u4_w4_halves__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                            mce_scratch *scratch);
void mce_conv2d_transpose_u4_w4_bytes__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_u4_w4_pairs__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s4_w4_halves__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                            mce_scratch *scratch);
void mce_conv2d_transpose_s4_w4_bytes__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s4_w4_pairs__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                           mce_scratch *scratch);
void mce_conv2d_transpose_s4_w8__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u4_w8__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_u8_w8__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_transpose_s8_w8__dsp(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_conv2d_transpose_u4_fx4__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_s4_fx4__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_u8_fx4__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4__v7m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_u4_fx4__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                       mce_scratch *scratch);
void mce_conv2d_transpose_s4_fx4__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                       mce_scratch *scratch);
void mce_conv2d_transpose_u8_fx4__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                       mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4__swar(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                       mce_scratch *scratch);

void mce_conv2d_transpose_u4_fx4__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_s4_fx4__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_u8_fx4__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_transpose_s8_fx4__v6m(const mce_conv2d_transpose *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
