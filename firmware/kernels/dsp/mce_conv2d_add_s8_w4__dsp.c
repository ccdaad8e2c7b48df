#include "mixcomp/internal/conv2d_dsp.h"

MCE_CONV2D_PAIR(s8, MCE_S8)

/* conv2d with a residual, x is s8, w by table                                                        SPEC.md 4.12 */
void mce_conv2d_add_s8_w4__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                               mce_scratch *scratch)
{ mce_conv2d_pair_s8(&p->conv, p, x, r, y, scratch); }
