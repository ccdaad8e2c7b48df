/* adaptivemax2d, SPEC.md 4.28. */
#ifndef MIXCOMP_ADAPTIVEMAX2D_H
#define MIXCOMP_ADAPTIVEMAX2D_H

#include "mixcomp/adaptive2d.h"

#ifdef __cplusplus
extern "C" {
#endif

void mce_adaptivemax2d__c(const mce_adaptive2d *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
