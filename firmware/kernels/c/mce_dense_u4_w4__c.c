#include "mixcomp/internal/dense_w4.h"

/* acc[o] = bias[o] + sum_i level(code[o,i]) * x[i], x is u4                                           SPEC.md 4.3 */
void mce_dense_u4_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y)
{ mce_dense_rows(MCE_U4, 4, p, x, y); }
