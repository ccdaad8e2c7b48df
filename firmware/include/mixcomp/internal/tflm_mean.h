/* Contract tflm for average pools: the mean of eight bits, rounded, then in the type of y. */
#ifndef MIXCOMP_INTERNAL_TFLM_MEAN_H
#define MIXCOMP_INTERNAL_TFLM_MEAN_H

#include "mixcomp/internal/tflm.h"

/* Words of the requantizer: steps of the eight bits in one of x; their zero point as an int8; elements that count, 0: those
 * inside x; then a multiplier and its shift.
 * sum: of (x - x.zero) over the elements inside x, of which there are inside + 1. |mean| <= 128. */
MCE_INLINE void mce_tflm_store_mean(const mce_tensor *to, const mce_requant *requant, uint8_t *y, int32_t i,
                                    int32_t sum, int32_t inside)
{
    const int32_t *const by = requant->multiplier;
    const int32_t zero = by[1], n = by[2] != 0 ? by[2] : inside + 1, total = by[0] * sum + n * zero;
    const int32_t mean = (total > 0 ? total + n / 2 : total - n / 2) / n; /* ties away from zero */
    mce_store_next(to->type, y, i, mce_tflm_requantize(to->type, to->zero, mean - zero, by[3], by[4]));
}

#undef mce_store_output
#define mce_store_output mce_tflm_store_mean

#endif
