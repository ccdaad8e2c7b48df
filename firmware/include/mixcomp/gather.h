/* gather, SPEC.md 4.20. */
#ifndef MIXCOMP_GATHER_H
#define MIXCOMP_GATHER_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_gather { /* SPEC.md 4.20 */
    mce_tensor x, y;
    const uint16_t *rows;    /* [y.h], below x.h */
    const uint16_t *columns; /* [y.w], below x.w */
} mce_gather;

void mce_gather__c(const mce_gather *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
