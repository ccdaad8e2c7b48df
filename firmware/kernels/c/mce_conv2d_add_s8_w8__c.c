#include "mixcomp/internal/conv2d_w4.h"

/* conv2d with a residual, x is s8, w in bytes                                                       SPEC.md 4.12 */
void mce_conv2d_add_s8_w8__c(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                             mce_scratch *scratch)
{ mce_conv2d_rows(MCE_S8, 8, &p->conv, p, x, r, y, scratch); }
