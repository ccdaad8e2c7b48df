/* narrow, SPEC.md 4.36. */
#ifndef MIXCOMP_NARROW_H
#define MIXCOMP_NARROW_H

#include "mixcomp/rescale.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x [x.h * x.w][x.c] of s16, y [x.h * x.w][y.c], y.c <= x.c. x and y never overlap. */
void mce_narrow__c(const mce_rescale *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
