/* arg_max, SPEC.md 4.22. */
#ifndef MIXCOMP_ARG_MAX_H
#define MIXCOMP_ARG_MAX_H

#include "mixcomp/reduce.h"

#ifdef __cplusplus
extern "C" {
#endif

void mce_arg_max__c(const mce_reduce *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
