#include "mixcomp/internal/dwconv2d_w4.h"

/* acc[o] = bias[o] + sum_{i,j} level(i,j,o) * X[..., o / repeat], x is s8, w in bytes                SPEC.md 4.2 */
void mce_dwconv2d_s8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y)
{ mce_dwconv2d_rows(MCE_S8, 8, p, x, y); }
