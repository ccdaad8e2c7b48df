#include "mixcomp/internal/dense_dsp.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], x is s8, w in bytes                                    SPEC.md 4.3 */
void mce_dense_s8_w8__dsp(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dense_dsp(MCE_S8, MCE_BYTES, p, x, y, scratch); }
