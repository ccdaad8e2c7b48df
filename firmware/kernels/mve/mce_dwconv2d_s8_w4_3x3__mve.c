#include "mixcomp/internal/dwconv2d_mve.h"

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[..., o], x is s8, levels are bytes */
void mce_dwconv2d_s8_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dwconv2d_mve(MCE_S8, p, x, y, scratch); }
