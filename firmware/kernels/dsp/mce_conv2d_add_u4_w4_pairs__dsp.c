#include "mixcomp/internal/conv2d_dsp.h"

/* conv2d with a residual, x is u4, w by table                                                        SPEC.md 4.12 */
void mce_conv2d_add_u4_w4_pairs__dsp(const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                     mce_scratch *scratch)
{ mce_conv2d_dsp(MCE_U4, MCE_PAIR_TABLE, &p->conv, p, x, r, y, scratch); }
