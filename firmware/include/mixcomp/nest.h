/* Loops over the elements of a tensor, for each result or group of elements. */
#ifndef MIXCOMP_NEST_H
#define MIXCOMP_NEST_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_loop {
    int32_t n, stride; /* how often, and how many elements further each time */
} mce_loop;

/* Groups (o, i), o < outer.n, i < inner.n, each of the elements o*outer.stride + i*inner.stride + f*far.stride +
 * n*near.stride, f < far.n, n < near.n. */
typedef struct mce_nest {
    mce_loop outer, inner;
    mce_loop far, near;
} mce_nest;

#ifdef __cplusplus
}
#endif
#endif
