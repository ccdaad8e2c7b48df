#include "mixcomp/internal/tflm_terms.h"

/* y = clamp(y.zero + max(tflm(a - a.zero, ra), tflm(b - b.zero, rb)))                                  SPEC.md 9.3 */
void mce_maximum_tflm__c(const mce_terms *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */,
                         mce_scratch *scratch)
{ mce_terms_joined(p, a, b, y, scratch, mce_terms_larger); }
