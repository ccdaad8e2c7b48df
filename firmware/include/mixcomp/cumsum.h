/* cumsum, SPEC.md 4.33. */
#ifndef MIXCOMP_CUMSUM_H
#define MIXCOMP_CUMSUM_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_cumsum { /* SPEC.md 4.33: along c of (h, w, c) */
    mce_tensor x, y;
    mce_requant requant; /* per_channel = 0 */
} mce_cumsum;

void mce_cumsum__c(const mce_cumsum *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
