#include "mixcomp/internal/dense_mve.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], x is u8, w fixp4 */
void mce_dense_u8_fx4__mve(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dense_mve(MCE_U8, 1, p, x, y, scratch); }
