#include "mixcomp/internal/conv2d_mve.h"

/* conv2d with a residual, x is u4, w fixp4 */
void mce_conv2d_add_u4_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch)
{ mce_conv2d_mve(MCE_U4, 1, &p->conv, p, x, r, y, scratch); }
