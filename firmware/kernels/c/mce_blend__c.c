#include "mixcomp/internal/pairs.h"
#include "mixcomp/blend.h"

/* y = clamp(y.zero + (((a - a.zero)*ma + (b - b.zero)*mb + 2^(s-1)) >> s))                             SPEC.md 4.4
 * The sum fits in int32 (lowering proves it). */
void mce_blend__c(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */, mce_scratch *scratch)
{ mce_pairs(p, a, b, y, scratch, mce_blended); }
