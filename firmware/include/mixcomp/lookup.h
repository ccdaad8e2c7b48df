/* lookup, SPEC.md 4.13. */
#ifndef MIXCOMP_LOOKUP_H
#define MIXCOMP_LOOKUP_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_lookup { /* SPEC.md 4.13 */
    mce_tensor x, y;        /* one shape */
    const uint8_t *table;   /* [16] when x has 4 bits, else [256]: the bits of y for each pattern of bits of x */
} mce_lookup;

/* y may be x when x has as many bits an element as y, or more. */
void mce_lookup__c(const mce_lookup *p, const uint8_t *x, uint8_t *y);
void mce_lookup__mve(const mce_lookup *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
