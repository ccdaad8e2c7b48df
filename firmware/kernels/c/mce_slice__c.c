#include "mixcomp/internal/strided.h"
#include "mixcomp/slice.h"

/* y[i, j, k, l] = x[start + step * (i, j, k, l)]; y has x's type                                       SPEC.md 4.18 */
void mce_slice__c(const mce_strided *p, const uint8_t *x, uint8_t *y)
{ mce_strided_copy(p, x, y); }
