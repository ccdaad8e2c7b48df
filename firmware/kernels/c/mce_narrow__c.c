#include "mixcomp/internal/elements.h"
#include "mixcomp/narrow.h"

/* y[t, i] = clamp(y.zero + q32(x[t, i] - x.zero, m, s)),  i < y.c                                     SPEC.md 4.36
 * |x - x.zero| * 2^s < 2^31 (lowering proves it). */
void mce_narrow__c(const mce_rescale *p, const uint8_t *x, uint8_t *y)
{
    const int32_t m = p->requant.multiplier[0], rows = p->y.h * p->y.w;
    int32_t at = 0;
    for (int32_t t = 0; t < rows; t++, x += 2 * p->x.c) {
        for (int32_t i = 0; i < p->y.c; i++) {
            const int32_t v = ((x[2 * i] | x[2 * i + 1] << 8) ^ 32768) - 32768 - p->x.zero;
            mce_store_next(p->y.type, y, at++, mce_requantize(p->y.type, p->y.zero, v, m, p->requant.shift));
        }
    }
}
