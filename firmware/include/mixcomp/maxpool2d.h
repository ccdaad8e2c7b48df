/* maxpool2d, SPEC.md 4.8. */
#ifndef MIXCOMP_MAXPOOL2D_H
#define MIXCOMP_MAXPOOL2D_H

#include "mixcomp/pool2d.h"

#ifdef __cplusplus
extern "C" {
#endif

void mce_maxpool2d__c(const mce_pool2d *p, const uint8_t *x, uint8_t *y);

void mce_maxpool2d_words__dsp(const mce_pool2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
