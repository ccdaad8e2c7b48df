#include "mixcomp/internal/dense_two_dsp.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], at most two outputs, x is s4                             SPEC.md 4.3 */
void mce_dense_s4_w4x2__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dense_two_dsp(MCE_S4, p, x, y, scratch); }
