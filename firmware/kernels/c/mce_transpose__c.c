#include "mixcomp/internal/strided.h"
#include "mixcomp/transpose.h"

/* y[i, j, k, l] = x[...], the axes in another order; y has x's type                                    SPEC.md 4.17 */
void mce_transpose__c(const mce_strided *p, const uint8_t *x, uint8_t *y)
{ mce_strided_copy(p, x, y); }
