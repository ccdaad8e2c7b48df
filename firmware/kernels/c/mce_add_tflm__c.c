#include "mixcomp/internal/tflm_terms.h"

/* y = clamp(y.zero + tflm(+-tflm((a - a.zero) << 20, ra) +- tflm((b - b.zero) << 20, rb), r))          SPEC.md 9.3 */
void mce_add_tflm__c(const mce_terms *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */, mce_scratch *scratch)
{ mce_terms_joined(p, a, b, y, scratch, mce_terms_sum); }
