#include "mixcomp/internal/dwconv2d_w4.h"

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[...], x is u4                                   SPEC.md 4.2 */
void mce_dwconv2d_u4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y)
{ mce_dwconv2d_rows(MCE_U4, 4, p, x, y); }
