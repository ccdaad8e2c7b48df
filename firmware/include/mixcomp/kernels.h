/* The kernels: one parameter struct an operator, one function a kernel.
 *
 * mce_<op>_<act>_<weight>__<isa>: left of __ what it computes (equal to the bit on every ISA), right of it how.
 * act is the type of x (u4 s4 u8 s8), weight what a code is (fx4, w4 by table, w4x2 of two channels, w8 a level); y may have any type. Operators without weights take the types at run time.
 * x and y never overlap, except where a kernel says that y may be x. */
#ifndef MIXCOMP_KERNELS_H
#define MIXCOMP_KERNELS_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* conv2d and dwconv2d, SPEC.md 4.1 and 4.2 */
typedef struct mce_conv2d {
    mce_tensor x, y;
    mce_window window;
    int32_t groups;      /* divides x.c and y.c; dwconv2d: equal to x.c */
    const void *codes;   /* packed as the kernel's head says */
    const void *levels;  /* int16_t [16], or uint32_t [256], or 0, as the kernel's packing says */
    const int32_t *bias; /* [y.c] */
    mce_requant requant;
    const uint8_t *
        blocks; /* packing quad, swar, dense_swar, dense_two: lengths of the blocks of a reduction in units of 8, then 0; before them,
                            * where quad decodes, how many times four channels at a time and two bytes of the base; else null */
} mce_conv2d;

/* conv2d_add, SPEC.md 4.12: a conv2d and the residual r, of y's shape, that joins before the rounding. */
typedef struct mce_conv2d_add {
    mce_conv2d conv;
    mce_tensor r;
    int32_t r_multiplier; /* 0 <= m < 2^31 */
    int32_t r_shift;      /* 0..30 */
} mce_conv2d_add;

/* dense, SPEC.md 4.3: x and y are read as flat vectors of x.h*x.w*x.c and y.h*y.w*y.c elements. */
typedef struct mce_dense {
    mce_tensor x, y;
    const void *codes;   /* packed as the kernel's head says */
    const void *levels;  /* int16_t [16], or uint32_t [256], or 0, as the kernel's packing says */
    const int32_t *bias; /* [outputs] */
    mce_requant requant;
    const uint8_t *blocks; /* as in mce_conv2d */
} mce_dense;

typedef struct mce_add { /* SPEC.md 4.4 */
    mce_tensor a, b, y;  /* one shape */
    int32_t a_multiplier, b_multiplier;
    int32_t shift; /* 1..30 */
} mce_add;

typedef struct mce_rescale { /* SPEC.md 4.5 */
    mce_tensor x, y;         /* one shape */
    mce_requant requant;     /* per_channel = 0 */
} mce_rescale;

/* One input of a concat, SPEC.md 4.6: x is seen as (outer, block), y as (outer, stride) elements, and row r of x goes
 * to y[r*stride + offset ...], rescaled. */
typedef struct mce_concat {
    mce_type x_type, y_type;
    int32_t x_zero, y_zero;
    int32_t outer, block, stride, offset;
    mce_requant requant; /* per_channel = 0 */
} mce_concat;

typedef struct mce_pool2d { /* SPEC.md 4.7 (average) and 4.8 (maximum) */
    mce_tensor x, y;
    mce_window window;
    mce_requant requant; /* average only; per_channel = 1: multiplier[n - 1] for a window with n elements inside x */
} mce_pool2d;

typedef struct mce_pad { /* SPEC.md 4.9 */
    mce_tensor x, y;
    int32_t top, left, front; /* elements added before h, w, c */
} mce_pad;

typedef struct mce_softmax { /* SPEC.md 4.11: over c of (h, w, c) */
    mce_tensor x;
    const uint16_t *table; /* [16] when x has 4 bits, else [256] */
} mce_softmax;

/* scratch: mce_scratch[kh*kw*x.c/groups], the input patch under the kernel, aligned to 4 bytes. */
void mce_conv2d_u4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* codes and scratch: swar2 (v6m) or swar4 (v7m) of sdk/mixcomp_edge/plan/packing. y may be r. */
void mce_conv2d_u4_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u4_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_s4_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s4_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_u8_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u8_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_s8_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__v6m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_u4_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u4_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_s4_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s4_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_u8_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u8_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_s8_fx4__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__v7m(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);

/* codes, levels, block and scratch: quad, pair or pair_table of sdk/mixcomp_edge/plan/packing. y may be r. */
void mce_conv2d_u8_fx4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_fx4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u8_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_u4_w4_pairs__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s4_w4_pairs__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
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
void mce_conv2d_add_u4_w4_pairs__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);
void mce_conv2d_add_s4_w4_pairs__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch);

/* codes, levels, bias and scratch: channel_pairs or channel_pairs_table of sdk/mixcomp_edge/plan/packing. y may be r. */
void mce_conv2d_u4_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u4_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_s4_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s4_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_u8_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u8_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_s8_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s8_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch);
void mce_conv2d_u4_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u4_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_s4_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s4_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_u8_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u8_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_conv2d_s8_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s8_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);

/* scratch as for conv2d. y may be r when both have as many bits an element. */
void mce_conv2d_add_u4_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_s4_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_u8_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_conv2d_add_s8_w4__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);

/* packing rows3x3: 3x3, no dilation, as many outputs as inputs, an even number, row stride 1 or 2 */
void mce_dwconv2d_u4_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* packing dw3x3s1 or dw3x3s2: 3x3, no dilation, as many outputs as inputs, row stride 1 or 2, y as wide as x */
void mce_dwconv2d_u4_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* packing slices3x3: 3x3, no dilation, as many outputs as inputs, a multiple of eight */
void mce_dwconv2d_u4_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_dwconv2d_u4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_u8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dwconv2d_s8_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);

/* packing dense_quad, dense_four or dense_table */
void mce_dense_u4_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_w4__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
/* packing rows_joined1 or rows_joined2 */
void mce_dwconv2d_u4_w4_3x3s1__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u4_w4_3x3s2__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s1__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s4_w4_3x3s2__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
/* packing dense_swar */
void mce_dense_u4_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__v7m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
/* packing dense_two: at most two outputs */
void mce_dense_u4_w4x2__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_w4x2__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* codes, levels, bias and scratch: channel_fours or channel_fours_table of sdk/mixcomp_edge/plan/packing */
void mce_dense_u4_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u4_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s4_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

void mce_dense_u4_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s4_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_u8_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_dense_s8_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y);

/* Weights in bytes, each a level: what the 4-bit kernels are compared with. Packings byte_rows, byte_pairs, byte_3x3s1,
 * byte_3x3s2, byte_fours. y may be r. */
void mce_conv2d_u8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u8_w8__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_dwconv2d_u8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dense_u8_w8__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_conv2d_s8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s8_w8__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch);
void mce_dwconv2d_s8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y);
void mce_dense_s8_w8__c(const mce_dense *p, const uint8_t *x, uint8_t *y);
void mce_conv2d_u8_w8__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_u8_w8__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_dwconv2d_u8_w8_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_u8_w8_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_u8_w8__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_s8_w8__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_conv2d_add_s8_w8__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch);
void mce_dwconv2d_s8_w8_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dwconv2d_s8_w8_3x3s2__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);
void mce_dense_s8_w8__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

/* y may be a or b when they have as many bits an element as y. */
void mce_add__c(const mce_add *p, const uint8_t *a, const uint8_t *b, uint8_t *y);
/* y may be x when x has as many bits an element as y. */
void mce_rescale__c(const mce_rescale *p, const uint8_t *x, uint8_t *y);
/* The calls for the inputs of one concat run in the order of their offsets. */
void mce_concat__c(const mce_concat *p, const uint8_t *x, uint8_t *y);
/* packing words: channels in whole words of x */
void mce_avgpool2d_words__dsp(const mce_pool2d *p, const uint8_t *x, uint8_t *y);
void mce_avgpool2d_words__c(const mce_pool2d *p, const uint8_t *x, uint8_t *y);
void mce_avgpool2d__mve(const mce_pool2d *p, const uint8_t *x, uint8_t *y); /* packing channels16 */
void mce_avgpool2d__c(const mce_pool2d *p, const uint8_t *x, uint8_t *y);
void mce_maxpool2d__c(const mce_pool2d *p, const uint8_t *x, uint8_t *y);
void mce_pad__c(const mce_pad *p, const uint8_t *x, uint8_t *y);
void mce_softmax__c(const mce_softmax *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
