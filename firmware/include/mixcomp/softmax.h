/* softmax, SPEC.md 4.11. */
#ifndef MIXCOMP_SOFTMAX_H
#define MIXCOMP_SOFTMAX_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_softmax { /* SPEC.md 4.11: over c of (h, w, c) */
    mce_tensor x;
    const uint16_t *table; /* [16] when x has 4 bits, else [256] */
} mce_softmax;

void mce_softmax__c(const mce_softmax *p, const uint8_t *x, uint8_t *y);

void mce_softmax__dsp(const mce_softmax *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
