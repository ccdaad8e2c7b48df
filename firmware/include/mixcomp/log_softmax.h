/* log_softmax, SPEC.md 4.25. */
#ifndef MIXCOMP_LOG_SOFTMAX_H
#define MIXCOMP_LOG_SOFTMAX_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_log_softmax { /* SPEC.md 4.25: over c of (h, w, c) */
    mce_tensor x, y;
    const uint16_t *table; /* [16] when x has 4 bits, else [256] */
    int32_t step;          /* of x, in 2^-16 of a step of y; below 2^22 */
    int32_t octave;        /* the logarithm of 2 in the same; below 2^26 */
} mce_log_softmax;

void mce_log_softmax__c(const mce_log_softmax *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
