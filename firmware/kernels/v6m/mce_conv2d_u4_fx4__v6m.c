#include "mixcomp/internal/conv2d_swar.h"

/* acc[o] = bias[o] + sum_{i,j,c} w[o,i,j,c] * X[...], x is u4, w fixp4                                SPEC.md 4.1 */
void mce_conv2d_u4_fx4__v6m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_swar(MCE_U4, 1, p, 0, x, 0, y, scratch); }
