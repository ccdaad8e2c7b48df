/* The parameters of operators that copy elements: transpose, SPEC.md 4.17, and slice, 4.18. */
#ifndef MIXCOMP_STRIDED_H
#define MIXCOMP_STRIDED_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y[sum i[k] * y_step[k]] = x[start + sum i[k] * x_step[k]],  0 <= i[k] < size[k], for all i. Of 4-bit types the loops
 * walk over y in order: y_step[3] is 1. What lies together in pairs is given as bytes, half as many. */
typedef struct mce_strided {
    mce_type type;
    int32_t start;
    int32_t size[4]; /* the outermost loop first */
    int32_t x_step[4], y_step[4];
} mce_strided;

#ifdef __cplusplus
}
#endif
#endif
