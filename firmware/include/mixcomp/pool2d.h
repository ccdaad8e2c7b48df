/* What average and maximum over a window share. */
#ifndef MIXCOMP_POOL2D_H
#define MIXCOMP_POOL2D_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_pool2d { /* SPEC.md 4.7 (average) and 4.8 (maximum) */
    mce_tensor x, y;
    mce_window window;
    mce_requant requant; /* average only; per_channel = 1: multiplier[n - 1] for a window with n elements inside x */
} mce_pool2d;

#ifdef __cplusplus
}
#endif
#endif
