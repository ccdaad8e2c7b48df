/* reduce_sum, SPEC.md 4.21. */
#ifndef MIXCOMP_REDUCE_SUM_H
#define MIXCOMP_REDUCE_SUM_H

#include "mixcomp/reduce.h"

#ifdef __cplusplus
extern "C" {
#endif

void mce_reduce_sum__c(const mce_reduce *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
