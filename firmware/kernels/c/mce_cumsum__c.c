#include "mixcomp/cumsum.h"
#include "mixcomp/internal/elements.h"

/* y[i] = clamp(y.zero + q32(sum_{j <= i} (x[j] - x.zero), m, s))                                     SPEC.md 4.33
 * Lowering proves that |sum| * 2^s < 2^31. */
void mce_cumsum__c(const mce_cumsum *p, const uint8_t *x, /* [x.h*x.w][x.c] */
                   uint8_t *y /* [x.h*x.w][x.c] */)
{
    const int32_t rows = p->x.h * p->x.w, n = p->x.c;
    for (int32_t r = 0; r < rows; r++) {
        int32_t sum = 0;
        for (int32_t i = r * n; i < (r + 1) * n; i++) {
            sum += mce_load(p->x.type, x, i) - p->x.zero;
            mce_store_next(p->y.type, y, i,
                           mce_requantize(p->y.type, p->y.zero, sum, p->requant.multiplier[0], p->requant.shift));
        }
    }
}
