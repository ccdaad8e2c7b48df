/* slice, SPEC.md 4.18. */
#ifndef MIXCOMP_SLICE_H
#define MIXCOMP_SLICE_H

#include "mixcomp/strided.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x and y never overlap. */
void mce_slice__c(const mce_strided *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
