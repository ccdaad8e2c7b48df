#include "mixcomp/internal/conv2d_dsp.h"

MCE_CONV2D_PAIR(u8, MCE_U8)

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[...], x is u8, w by table                         SPEC.md 4.1 */
void mce_conv2d_u8_w4__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_pair_u8(p, 0, x, 0, y, scratch); }
