/* Contract tflm for products of matrices, which have a factor of their own: the sum of products in eight bits, then times
 * that. */
#ifndef MIXCOMP_INTERNAL_TFLM_MATMUL_H
#define MIXCOMP_INTERNAL_TFLM_MATMUL_H

#include "mixcomp/internal/tflm.h"

/* Words of the requantizer: a multiplier of the sum, and its shift; an integer; a multiplier of what is so many times the
 * sum, and its shift. */
MCE_INLINE int32_t mce_tflm_product(mce_type type, int32_t zero, int32_t acc, const int32_t *by, int32_t shift)
{
    const int32_t sum = mce_between(type, zero, mce_tflm(acc, by[0], shift));
    return mce_tflm_requantize(type, zero, sum * by[2], by[3], by[4]);
}

#undef mce_requantize
#define mce_requantize(type, zero, acc, m, shift) mce_tflm_product(type, zero, acc, &(m), shift)

#endif
