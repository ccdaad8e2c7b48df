#include "mixcomp/internal/conv2d_w4.h"

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[...], x is u8, w in bytes                        SPEC.md 4.1 */
void mce_conv2d_u8_w8__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_rows(MCE_U8, 8, p, 0, x, 0, y, scratch); }
