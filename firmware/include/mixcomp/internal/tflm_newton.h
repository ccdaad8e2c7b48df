/* Contract tflm's division, in fixed point: of softmax and log_softmax. */
#ifndef MIXCOMP_INTERNAL_TFLM_NEWTON_H
#define MIXCOMP_INTERNAL_TFLM_NEWTON_H

#include "mixcomp/internal/tflm.h"

/* 1 / (2 half) in Q0.31, by Newton's method; half in Q0.31, 1/2 .. 1 */
MCE_INLINE int32_t mce_newton(int32_t half)
{
    int32_t y = 1515870810 + mce_doubling_high(half, -1010580540);            /* 48/17 - 32/17 half in Q2.29 */
    for (int32_t i = 0; i < 3; i++) {                                         /* y += y * (1 - half * y) */
        const int32_t rest = ((int32_t)1 << 29) - mce_doubling_high(half, y); /* |rest| < 2^26 */
        y += mce_doubling_high(y, rest) * 4;
    }
    return y < (int32_t)1 << 30 ? y * 2 : INT32_MAX;
}

#endif
