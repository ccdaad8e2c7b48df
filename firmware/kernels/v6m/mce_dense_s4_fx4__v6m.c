#include "mixcomp/internal/dense_swar.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], x is s4, w fixp4                                        SPEC.md 4.3 */
void mce_dense_s4_fx4__v6m(const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{ mce_dense_swar(MCE_S4, p, x, y, scratch); }
