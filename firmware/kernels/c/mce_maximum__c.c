#include "mixcomp/internal/pairs.h"
#include "mixcomp/maximum.h"

/* y = clamp(y.zero + ((max((a - a.zero)*ma, (b - b.zero)*mb) + 2^(s-1)) >> s))                         SPEC.md 4.16
 * Both fit in int32, rounding included (lowering proves it). */
void mce_maximum__c(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */, mce_scratch *scratch)
{ mce_pairs(p, a, b, y, scratch, mce_larger); }
