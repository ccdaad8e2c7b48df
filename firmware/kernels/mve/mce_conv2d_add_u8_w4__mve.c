#include "mixcomp/internal/conv2d_mve.h"

/* conv2d with a residual, x is u8, w of any codebook of bytes */
void mce_conv2d_add_u8_w4__mve(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch)
{ mce_conv2d_mve(MCE_U8, 0, &p->conv, p, x, r, y, scratch); }
