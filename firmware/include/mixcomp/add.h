/* add, SPEC.md 4.4. */
#ifndef MIXCOMP_ADD_H
#define MIXCOMP_ADD_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_add { /* SPEC.md 4.4 */
    mce_tensor a, b, y;  /* one shape */
    int32_t a_multiplier, b_multiplier;
    int32_t shift; /* 1..30 */
} mce_add;

/* y may be a or b when they have as many bits an element as y. __dsp: scratch of 256 bytes; shift is 2 at least. */
void mce_add__c(const mce_add *p, const uint8_t *a, const uint8_t *b, uint8_t *y);
void mce_add__dsp(const mce_add *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
