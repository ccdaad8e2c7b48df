/* conv2d_add, SPEC.md 4.12. types.h says how kernels are named; kernels/catalogue.toml which of them take what packing of
 * sdk/mixcomp_edge/plan/packing: codes, levels, bias, blocks, and scratch, aligned to 4 bytes. x and y never overlap;
 * y may be r when both have as many bits an element. */
#ifndef MIXCOMP_CONV2D_ADD_H
#define MIXCOMP_CONV2D_ADD_H

#include "mixcomp/conv2d.h"

#ifdef __cplusplus
extern "C" {
#endif

/* conv2d_add, SPEC.md 4.12: a conv2d and the residual r, of y's shape, that joins before the rounding. */
typedef struct mce_conv2d_add {
    mce_conv2d conv;
    mce_tensor r;
    int32_t r_multiplier; /* 0 <= m < 2^31 */
    int32_t r_shift;      /* 0..30 */
} mce_conv2d_add;

/* scratch as for conv2d */
void mce_conv2d_add_u4_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_s4_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_u8_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_s8_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_conv2d_add_u4_w8__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_s4_w8__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_u8_w8__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_s8_w8__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);

void mce_conv2d_add_u8_fx4__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_u4_w4__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_s4_w4__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_u8_w4__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_s8_w4__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_u4_w4_halves__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_add_u4_w4_bytes__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_u4_w4_pairs__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s4_w4_halves__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                      mce_scratch *scratch);
void mce_conv2d_add_s4_w4_bytes__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s4_w4_pairs__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_u4_w4_triples__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                       mce_scratch *scratch);
void mce_conv2d_add_s4_w4_triples__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                       mce_scratch *scratch);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_conv2d_add_u4_w8__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_s4_w8__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_u8_w8__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_s8_w8__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);

void mce_conv2d_add_u4_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_s4_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_u8_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_u4_fx4__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                 mce_scratch *scratch);
void mce_conv2d_add_s4_fx4__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                 mce_scratch *scratch);
void mce_conv2d_add_u8_fx4__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                 mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__swar(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                 mce_scratch *scratch);
void mce_conv2d_add_u4_w4_triples__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                       mce_scratch *scratch);
void mce_conv2d_add_s4_w4_triples__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                       mce_scratch *scratch);

void mce_conv2d_add_u4_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_s4_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_u8_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);

void mce_conv2d_add_u4_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_s4_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_u8_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_add_u4_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_s4_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_u8_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_add_s8_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
