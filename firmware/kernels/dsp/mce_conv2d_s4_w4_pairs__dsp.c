#include "mixcomp/internal/conv2d_dsp.h"

MCE_CONV2D_PAIR(s4, MCE_S4)

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[...], x is s4, w by table                         SPEC.md 4.1 */
void mce_conv2d_s4_w4_pairs__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_pair_s4(p, 0, x, 0, y, scratch); }
