/* conv2d, SPEC.md 4.1. types.h says how kernels are named; kernels/catalogue.toml which of them take what packing of
 * sdk/mixcomp_edge/plan/packing: codes, levels, bias, blocks, and scratch, aligned to 4 bytes. x and y never overlap. */
#ifndef MIXCOMP_CONV2D_H
#define MIXCOMP_CONV2D_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of conv2d and dwconv2d. */
typedef struct mce_conv2d {
    mce_tensor x, y;
    mce_window window;
    int32_t groups;      /* divides x.c and y.c; dwconv2d: equal to x.c */
    const void *codes;   /* packed as the kernel's head says */
    const void *levels;  /* int16_t [16], or uint32_t [256], or 0, as the kernel's packing says */
    const int32_t *bias; /* [y.c] */
    mce_requant requant;
    const uint8_t *blocks; /* packings quad, triples, swar, dense_swar, dense_two: lengths of a reduction's blocks in
                            * units of 8, then 0; before them, where quad decodes, how many times four channels at a
                            * time and two bytes of the base; of triples how many times four channels at a time and how
                            * many rows of x are kept; else null */
} mce_conv2d;

/* scratch: mce_scratch[kh*kw*x.c/groups], the input patch under the kernel. */
void mce_conv2d_u4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_conv2d_u4_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_conv2d_u8_fx4_2x3__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4_2x3__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_halves__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_bytes__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_pairs__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_halves__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_bytes__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_pairs__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_points__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_points__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_triples__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_triples__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_conv2d_u4_w8__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w8__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w8__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w8__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_conv2d_u4_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_fx4__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_fx4__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4__swar(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_triples__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_triples__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_conv2d_u4_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_conv2d_u4_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
