#include "mixcomp/internal/dwconv2d_bytes_dsp.h"

/* acc[o] = bias[o] + sum_{i,j} level(i,j,o) * X[..., o], 3x3, row stride 1, x is u8, w in bytes      SPEC.md 4.2 */
void mce_dwconv2d_u8_w8_3x3s1__dsp(const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dwconv2d_bytes_dsp(MCE_U8, 8, 1, p, x, y, scratch); }
