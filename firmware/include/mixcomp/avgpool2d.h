/* avgpool2d, SPEC.md 4.7. */
#ifndef MIXCOMP_AVGPOOL2D_H
#define MIXCOMP_AVGPOOL2D_H

#include "mixcomp/pool2d.h"

#ifdef __cplusplus
extern "C" {
#endif

void mce_avgpool2d_words__c(const mce_pool2d *p, const uint8_t *x, uint8_t *y);
void mce_avgpool2d__c(const mce_pool2d *p, const uint8_t *x, uint8_t *y);

void mce_avgpool2d_words__dsp(const mce_pool2d *p, const uint8_t *x, uint8_t *y);

void mce_avgpool2d__mve(const mce_pool2d *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
