#include "mixcomp/internal/elements.h"
#include "mixcomp/reduce_max.h"

/* y = the largest x, or the least one; y has x's type                                                 SPEC.md 4.21 */
void mce_reduce_max__c(const mce_reduce *p, const uint8_t *x, uint8_t *y)
{
    const mce_nest *const k = &p->nest;
    int32_t at = 0;
    for (int32_t o = 0; o < k->outer.n; o++) {
        for (int32_t i = 0; i < k->inner.n; i++) {
            int32_t best = mce_load(p->x_type, x, o * k->outer.stride + i * k->inner.stride);
            for (int32_t f = 0; f < k->far.n; f++) {
                int32_t from = o * k->outer.stride + i * k->inner.stride + f * k->far.stride;
                for (int32_t n = 0; n < k->near.n; n++, from += k->near.stride) {
                    const int32_t v = mce_load(p->x_type, x, from);
                    if (p->least != 0 ? v < best : v > best) {
                        best = v;
                    }
                }
            }
            mce_store_next(p->y_type, y, at++, best);
        }
    }
}
