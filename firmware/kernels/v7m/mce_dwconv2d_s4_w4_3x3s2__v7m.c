#include "mixcomp/internal/dwconv2d_v7m.h"

/* acc[o] = bias[o] + sum_{i,j} level(i,j,o) * X[..., o], 3x3, row stride 2, x is s4                   SPEC.md 4.2 */
void mce_dwconv2d_s4_w4_3x3s2__v7m(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dwconv2d_v7m(MCE_S4, 2, p, x, y, scratch); }
