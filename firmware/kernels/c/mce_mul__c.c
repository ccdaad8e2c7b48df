#include "mixcomp/internal/pairs.h"
#include "mixcomp/mul.h"

/* y = clamp(y.zero + q32((a - a.zero) * (b - b.zero), m, s))                                           SPEC.md 4.15
 * |a - a.zero| * |b - b.zero| * 2^s < 2^31 (lowering proves it). */
void mce_mul__c(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */, mce_scratch *scratch)
{ mce_pairs(p, a, b, y, scratch, mce_product); }
