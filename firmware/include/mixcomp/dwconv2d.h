/* dwconv2d, SPEC.md 4.2: an mce_conv2d whose groups are x.c. types.h says how kernels are named; kernels/catalogue.toml which
 * of them take what packing of sdk/mixcomp_edge/plan/packing: codes, levels, bias, blocks, and scratch, aligned to 4 bytes.
 * x and y never overlap. */
#ifndef MIXCOMP_DWCONV2D_H
#define MIXCOMP_DWCONV2D_H

#include "mixcomp/conv2d.h"

#ifdef __cplusplus
extern "C" {
#endif

void mce_dwconv2d_u4_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_u8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_dwconv2d_u4_w8_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w8_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s4_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_u8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);

void mce_dwconv2d_u4_w4_triples__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_triples__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_dwconv2d_u8_w8_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w8_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w8_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w8_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* Any window, any number of channels. */
void mce_dwconv2d_u4_w4_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w8_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w8_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w8_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w8_words__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_dwconv2d_u4_w4_triples__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_triples__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w4_3x3s1__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w4_3x3s2__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s1__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s2__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_dwconv2d_u4_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
