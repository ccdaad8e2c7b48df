/* dense, SPEC.md 4.3. types.h says how kernels are named; kernels/catalogue.toml which of them take what packing of
 * sdk/mixcomp_edge/plan/packing: codes, levels, bias, blocks, and scratch, aligned to 4 bytes. x and y never overlap. */
#ifndef MIXCOMP_DENSE_H
#define MIXCOMP_DENSE_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dense, SPEC.md 4.3: x and y are read as flat vectors of x.h*x.w*x.c and y.h*y.w*y.c elements. */
typedef struct mce_dense {
    mce_tensor x, y;
    const void *codes;   /* packed as the kernel's head says */
    const void *levels;  /* int16_t [16], or uint32_t [256], or 0, as the kernel's packing says */
    const int32_t *bias; /* [outputs] */
    mce_requant requant;
    const uint8_t *blocks; /* as in mce_conv2d */
} mce_dense;

void mce_dense_u4_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s4_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_u8_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s8_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_dense_u4_w8__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s4_w8__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_u8_w8__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s8_w8__c(const mce_dense *p, const uint8_t *x, uint8_t *y);

void mce_dense_u4_fx4_lanes__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4_lanes__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_w4x2__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_w4x2__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_dense_u4_w8__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_w8__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_w8__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_w8__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_dense_u4_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_fx4__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__swar(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_dense_u4_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_dense_u4_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
