/* Contract tflm for convolutions with a residual: the convolution in eight bits, then the sum. */
#ifndef MIXCOMP_INTERNAL_TFLM_RESIDUAL_H
#define MIXCOMP_INTERNAL_TFLM_RESIDUAL_H

#include "mixcomp/internal/residual.h"
#include "mixcomp/internal/tflm.h"

enum { MCE_TFLM_SUM_WORDS = 7 }; /* before a channel's */

/* Words of the requantizer: the zero point of the convolution; a multiplier and its shift of its value, of the residual and of
 * their sum; then those of the convolution. y may be r, as in q32. */
MCE_INLINE void mce_tflm_store_sum(const mce_conv2d_add *p, const uint8_t *r, uint8_t *y, int32_t i, int32_t n,
                                   int32_t acc, int32_t channel)
{
    const mce_conv2d *const conv = &p->conv;
    const int32_t *const sum = conv->requant.multiplier, *by = sum + MCE_TFLM_SUM_WORDS;
    by += conv->requant.per_channel != 0 ? 2 * channel : 0;
    const int32_t a = mce_between(MCE_S8, sum[0], mce_tflm(acc, by[0], by[1]));
    const int32_t b = mce_load(p->r.type, r, i) - p->r.zero;
    const int32_t v = mce_tflm(mce_term(a, sum[1], sum[2]) + mce_term(b, sum[3], sum[4]), sum[5], sum[6]);
    mce_store_any(conv->y.type, y, i, n, mce_end(conv->y.type, conv->y.zero, v));
}

#define mce_conv2d_store_sum mce_tflm_store_sum

#endif
