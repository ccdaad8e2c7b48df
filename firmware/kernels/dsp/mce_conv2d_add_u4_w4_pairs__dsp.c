#include "mixcomp/internal/conv2d_dsp.h"

MCE_CONV2D_PAIR(u4, MCE_U4)

/* conv2d with a residual, x is u4, w by table                                                        SPEC.md 4.12 */
void mce_conv2d_add_u4_w4_pairs__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch)
{ mce_conv2d_pair_u4(&p->conv, p, x, r, y, scratch); }
