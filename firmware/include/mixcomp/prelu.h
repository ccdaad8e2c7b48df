/* prelu, SPEC.md 4.14. */
#ifndef MIXCOMP_PRELU_H
#define MIXCOMP_PRELU_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_prelu { /* SPEC.md 4.14 */
    mce_tensor x, y;       /* one shape */
    mce_requant requant;   /* multiplier[0] where x is at its zero point or above, below it multiplier[1 + c] */
} mce_prelu;

/* y may be x when x has as many bits an element as y. */
void mce_prelu__c(const mce_prelu *p, const uint8_t *x, uint8_t *y);
void mce_prelu__dsp(const mce_prelu *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
