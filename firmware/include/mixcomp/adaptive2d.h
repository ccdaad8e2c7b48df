/* What adaptive averages and maxima share. */
#ifndef MIXCOMP_ADAPTIVE2D_H
#define MIXCOMP_ADAPTIVE2D_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_adaptive2d { /* SPEC.md 4.28 */
    mce_tensor x, y;
    mce_requant requant; /* average only: multiplier[2*i + j] of a window with i rows and j columns above the least */
} mce_adaptive2d;

#ifdef __cplusplus
}
#endif
#endif
