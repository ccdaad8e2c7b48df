/* What sum, maximum and norm along axes share. */
#ifndef MIXCOMP_REDUCE_H
#define MIXCOMP_REDUCE_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_loop {
    int32_t n, stride; /* how often, and how many elements further each time */
} mce_loop;

/* Results (o, i), o < outer.n, i < inner.n, each of the elements o*outer.stride + i*inner.stride + f*far.stride +
 * n*near.stride of x, f < far.n, n < near.n. */
typedef struct mce_nest {
    mce_loop outer, inner;
    mce_loop far, near;
} mce_nest;

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
