#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/roots.h"
#include "mixcomp/reduce_norm.h"

/* y = clamp(y.zero + q32(floor(sqrt(2^16 * sum (x - x.zero)^2)), m, s))                               SPEC.md 4.21
 * Lowering proves that the sum stays below 2^32, and the root times 2^s below 2^31. */
void mce_reduce_norm__c(const mce_reduce *p, const uint8_t *x, uint8_t *y)
{
    const mce_nest *const k = &p->nest;
    int32_t at = 0;
    for (int32_t o = 0; o < k->outer.n; o++) {
        for (int32_t i = 0; i < k->inner.n; i++) {
            uint32_t sum = 0;
            for (int32_t f = 0; f < k->far.n; f++) {
                int32_t from = o * k->outer.stride + i * k->inner.stride + f * k->far.stride;
                for (int32_t n = 0; n < k->near.n; n++, from += k->near.stride) {
                    const int32_t v = mce_load(p->x_type, x, from) - p->x_zero;
                    sum += (uint32_t)(v * v);
                }
            }
            mce_store_next(p->y_type, y, at++,
                           mce_requantize(p->y_type, p->y_zero, (int32_t)mce_root((uint64_t)sum << 16),
                                          p->requant.multiplier[0], p->requant.shift));
        }
    }
}
