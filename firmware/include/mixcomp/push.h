/* push, SPEC.md 4.34. */
#ifndef MIXCOMP_PUSH_H
#define MIXCOMP_PUSH_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of 4-bit types size and more are not both even: else they are given as bytes. */
typedef struct mce_push {
    mce_type type;
    int32_t outer, size, more;
} mce_push;

/* kept [outer][size], x [outer][more], y [outer][size], elements. y may be kept and overlaps nothing else. */
void mce_push__c(const mce_push *p, const uint8_t *kept, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
