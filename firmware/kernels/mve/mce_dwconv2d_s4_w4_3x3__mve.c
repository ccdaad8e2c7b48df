#include "mixcomp/internal/dwconv2d_mve.h"

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[..., o], x is s4, levels are bytes */
void mce_dwconv2d_s4_w4_3x3__mve(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dwconv2d_mve(MCE_S4, p, x, y, scratch); }
