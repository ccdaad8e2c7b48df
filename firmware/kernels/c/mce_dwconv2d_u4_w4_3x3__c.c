#include "mixcomp/internal/dwconv2d_3x3.h"

/* acc[o] = bias[o] + sum_{i,j} level(i,j,o) * X[..., o], 3x3, x is u4                                 SPEC.md 4.2 */
void mce_dwconv2d_u4_w4_3x3__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dwconv2d_3x3(MCE_U4, p, x, y, scratch); }
