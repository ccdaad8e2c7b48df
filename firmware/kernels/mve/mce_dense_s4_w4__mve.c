#include "mixcomp/internal/dense_mve.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], x is s4, w of any codebook of bytes */
void mce_dense_s4_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dense_mve(MCE_S4, 0, p, x, y, scratch); }
