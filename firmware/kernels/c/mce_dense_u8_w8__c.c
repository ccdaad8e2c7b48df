#include "mixcomp/internal/dense_w4.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i], x is u8, w in bytes                                    SPEC.md 4.3 */
void mce_dense_u8_w8__c(const mce_dense *p, const uint8_t *x, uint8_t *y)
{ mce_dense_rows(MCE_U8, 8, p, x, y); }
