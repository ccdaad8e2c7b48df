#include "mixcomp/internal/conv2d_mve.h"

/* conv2d with a residual, x is s4, w fixp4 */
void mce_conv2d_add_s4_fx4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch)
{ mce_conv2d_mve(MCE_S4, 1, &p->conv, p, x, r, y, scratch); }
