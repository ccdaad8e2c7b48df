/* pad, SPEC.md 4.9. */
#ifndef MIXCOMP_PAD_H
#define MIXCOMP_PAD_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_pad { /* SPEC.md 4.9 */
    mce_tensor x, y;
    int32_t top, left, front; /* elements added before h, w, c */
} mce_pad;

void mce_pad__c(const mce_pad *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
