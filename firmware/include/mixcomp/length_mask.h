/* length_mask, SPEC.md 4.32. */
#ifndef MIXCOMP_LENGTH_MASK_H
#define MIXCOMP_LENGTH_MASK_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_length_mask {
    mce_tensor x, y; /* x: one number */
    int32_t start;   /* -1 .. 65535 */
} mce_length_mask;

void mce_length_mask__c(const mce_length_mask *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
