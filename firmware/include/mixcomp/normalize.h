/* normalize, SPEC.md 4.23. */
#ifndef MIXCOMP_NORMALIZE_H
#define MIXCOMP_NORMALIZE_H

#include "mixcomp/nest.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_normalize { /* SPEC.md 4.23 */
    int64_t epsilon;           /* below 2^61 */
    int32_t count;             /* elements of a group, at most 2^20 */
    int32_t centred;           /* 1: less the mean of the group */
    mce_type x_type, y_type;
    int32_t x_zero, y_zero;
    mce_nest elements;         /* of x and of y */
    mce_nest parameters;       /* the same loops over multiplier and offset */
    const int32_t *multiplier; /* in 2^-16 of a step of y */
    const int32_t *offset;     /* in 2^-20 of a step of y */
} mce_normalize;

void mce_normalize__c(const mce_normalize *p, const uint8_t *x, uint8_t *y);

void mce_normalize__dsp(const mce_normalize *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
