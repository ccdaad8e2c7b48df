#include "mixcomp/internal/elements.h"
#include "mixcomp/reduce_sum.h"

/* y = clamp(y.zero + q32(sum (x - x.zero), m, s))                                                     SPEC.md 4.21
 * Lowering proves that |sum| * 2^s < 2^31. */
void mce_reduce_sum__c(const mce_reduce *p, const uint8_t *x, uint8_t *y)
{
    const mce_nest *const k = &p->nest;
    int32_t at = 0;
    for (int32_t o = 0; o < k->outer.n; o++) {
        for (int32_t i = 0; i < k->inner.n; i++) {
            int32_t sum = 0;
            for (int32_t f = 0; f < k->far.n; f++) {
                int32_t from = o * k->outer.stride + i * k->inner.stride + f * k->far.stride;
                for (int32_t n = 0; n < k->near.n; n++, from += k->near.stride) {
                    sum += mce_load(p->x_type, x, from) - p->x_zero;
                }
            }
            mce_store_next(p->y_type, y, at++,
                           mce_requantize(p->y_type, p->y_zero, sum, p->requant.multiplier[0], p->requant.shift));
        }
    }
}
