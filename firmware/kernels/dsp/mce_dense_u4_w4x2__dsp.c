#include "mixcomp/internal/dense_two_dsp.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], at most two outputs, x is u4                             SPEC.md 4.3 */
void mce_dense_u4_w4x2__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dense_two_dsp(MCE_U4, p, x, y, scratch); }
