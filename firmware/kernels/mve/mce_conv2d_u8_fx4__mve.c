#include "mixcomp/internal/conv2d_mve.h"

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[...], x is u8, w fixp4 */
void mce_conv2d_u8_fx4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_mve(MCE_U8, 1, p, 0, x, 0, y, scratch); }
