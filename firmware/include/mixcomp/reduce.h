/* What sum, maximum and norm along axes share. */
#ifndef MIXCOMP_REDUCE_H
#define MIXCOMP_REDUCE_H

#include "mixcomp/nest.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_reduce { /* SPEC.md 4.21 */
    mce_type x_type, y_type;
    int32_t x_zero, y_zero;
    mce_nest nest;
    mce_requant requant; /* of a sum or a norm */
    int32_t least;       /* 1: the least element in place of the largest */
} mce_reduce;

#ifdef __cplusplus
}
#endif
#endif
