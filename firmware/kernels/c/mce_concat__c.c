#include "mixcomp/internal/elements.h"
#include "mixcomp/concat.h"

/* y[r, offset + i] = clamp(y.zero + q32(x[r, i] - x.zero, m, s)),  r < outer, i < block                SPEC.md 4.6
 * |x - x.zero| * 2^s < 2^31 (lowering proves it). Rows of different inputs may share a byte of y: each store keeps its
 * neighbour, so once all inputs are in, every byte is defined. */
void mce_concat__c(const mce_concat *p, const uint8_t *x, /* [outer][block] */
                   uint8_t *y /* [outer][stride] */)
{
    const int32_t m = p->requant.multiplier[0], n = p->outer * p->stride;
    for (int32_t r = 0; r < p->outer; r++) {
        for (int32_t i = 0; i < p->block; i++) {
            const int32_t v = mce_load(p->x_type, x, r * p->block + i) - p->x_zero;
            mce_store_any(p->y_type, y, r * p->stride + p->offset + i, n,
                          mce_requantize(p->y_type, p->y_zero, v, m, p->requant.shift));
        }
    }
}
