/* transpose, SPEC.md 4.17. */
#ifndef MIXCOMP_TRANSPOSE_H
#define MIXCOMP_TRANSPOSE_H

#include "mixcomp/strided.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x and y never overlap. */
void mce_transpose__c(const mce_strided *p, const uint8_t *x, uint8_t *y);
void mce_transpose__dsp(const mce_strided *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
