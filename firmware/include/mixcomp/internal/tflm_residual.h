/* Contract tflm for convolutions with a residual: the convolution in eight bits, then the sum. */
#ifndef MIXCOMP_INTERNAL_TFLM_RESIDUAL_H
#define MIXCOMP_INTERNAL_TFLM_RESIDUAL_H

#include "mixcomp/internal/residual.h"
#include "mixcomp/internal/tflm.h"

/* The sum before y's zero point. words: of the requantizer; before the place of the first channel's multiplier lie seven more:
 * the zero point of the convolution, a multiplier and its shift of its value, of the residual, and of their sum. v: of the
 * convolution, by its own factor; r: an element of the residual less its zero point. */
MCE_INLINE int32_t mce_tflm_sum(const int32_t *words, int32_t v, int32_t r)
{
    const int32_t *const by = words + words[0] - 7;
    const int32_t a = mce_between(MCE_S8, by[0], v);
    return mce_tflm(mce_term(a, by[1], by[2]) + mce_term(r, by[3], by[4]), by[5], by[6]);
}

/* y may be r, as in q32. */
MCE_INLINE void mce_tflm_store_sum(const mce_conv2d_add *p, const uint8_t *r, uint8_t *y, int32_t i, int32_t n,
                                   int32_t acc, int32_t channel)
{
    const mce_conv2d *const conv = &p->conv;
    const int32_t *const words = conv->requant.multiplier;
    const int32_t *const by = words + words[conv->requant.per_channel != 0 ? channel : 0];
    const int32_t v = mce_tflm_sum(words, mce_tflm(acc, by[0], by[1]), mce_load(p->r.type, r, i) - p->r.zero);
    mce_store_any(conv->y.type, y, i, n, mce_end(conv->y.type, conv->y.zero, v));
}

#define mce_conv2d_store_sum mce_tflm_store_sum

#endif
