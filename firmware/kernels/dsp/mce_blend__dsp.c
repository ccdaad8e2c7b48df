#include "mixcomp/internal/pairs_dsp.h"
#include "mixcomp/blend.h"

/* y = clamp(y.zero + (((a - a.zero)*ma + (b - b.zero)*mb + 2^(s-1)) >> s))                             SPEC.md 4.4
 * As the portable kernel; s is 2 at least. */
void mce_blend__dsp(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */, mce_scratch *scratch)
{ mce_pairs_dsp(p, a, b, y, scratch, mce_join_sum, 1, 1); }
