/* concat, SPEC.md 4.6. */
#ifndef MIXCOMP_CONCAT_H
#define MIXCOMP_CONCAT_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One input of a concat, SPEC.md 4.6: x is seen as (outer, block), y as (outer, stride) elements, and row r of x goes
 * to y[r*stride + offset ...], rescaled. */
typedef struct mce_concat {
    mce_type x_type, y_type;
    int32_t x_zero, y_zero;
    int32_t outer, block, stride, offset;
    mce_requant requant; /* per_channel = 0 */
} mce_concat;

/* The calls for the inputs of one concat run in the order of their offsets. */
void mce_concat__c(const mce_concat *p, const uint8_t *x, uint8_t *y);
void mce_concat__dsp(const mce_concat *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
