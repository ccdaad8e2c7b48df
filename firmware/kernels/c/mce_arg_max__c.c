#include "mixcomp/internal/elements.h"
#include "mixcomp/arg_max.h"

/* y = the lowest n for which x[n] is the largest along the axis; u8                                   SPEC.md 4.22 */
void mce_arg_max__c(const mce_reduce *p, const uint8_t *x, uint8_t *y)
{
    const mce_nest *const k = &p->nest;
    for (int32_t o = 0; o < k->outer.n; o++) {
        for (int32_t i = 0; i < k->inner.n; i++) {
            const int32_t start = o * k->outer.stride + i * k->inner.stride;
            int32_t best = 0, largest = mce_load(p->x_type, x, start);
            for (int32_t n = 1; n < k->near.n; n++) {
                const int32_t v = mce_load(p->x_type, x, start + n * k->near.stride);
                if (v > largest) {
                    best = n;
                    largest = v;
                }
            }
            y[o * k->inner.n + i] = (uint8_t)best;
        }
    }
}
