#include "mixcomp/internal/dense_mve.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], x is u8, w of any codebook of bytes */
void mce_dense_u8_w4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dense_mve(MCE_U8, 0, p, x, y, scratch); }
