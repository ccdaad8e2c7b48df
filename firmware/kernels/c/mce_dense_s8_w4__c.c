#include "mixcomp/internal/dense_w4.h"

/* acc[o] = bias[o] + sum_i level(code[o,i]) * x[i], x is s8                                           SPEC.md 4.3 */
void mce_dense_s8_w4__c(const mce_dense *p, const uint8_t *x, uint8_t *y)
{ mce_dense_rows(MCE_S8, 4, p, x, y); }
