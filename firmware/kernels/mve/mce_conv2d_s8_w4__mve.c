#include "mixcomp/internal/conv2d_mve.h"

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[...], x is s8, w of any codebook of bytes */
void mce_conv2d_s8_w4__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_mve(MCE_S8, 0, p, 0, x, 0, y, scratch); }
