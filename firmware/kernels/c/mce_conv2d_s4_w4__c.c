#include "mixcomp/internal/conv2d_w4.h"

/* acc[o] = bias[o] + sum_{i,j,c} level(code[o,i,j,c]) * X[...], x is s4                               SPEC.md 4.1 */
void mce_conv2d_s4_w4__c(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_rows(MCE_S4, 4, p, 0, x, 0, y, scratch); }
