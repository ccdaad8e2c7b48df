#include "mixcomp/internal/elements.h"
#include "mixcomp/rescale.h"

static int32_t mce_rescale_element(const mce_rescale *p, int32_t x)
{ return mce_requantize(p->y.type, p->y.zero, x - p->x.zero, p->requant.multiplier[0], p->requant.shift); }

/* y = clamp(y.zero + q32(x - x.zero, m, s))                                                            SPEC.md 4.5
 * |x - x.zero| * 2^s < 2^31 (lowering proves it). In place: both elements of a byte are read before it is written. */
void mce_rescale__c(const mce_rescale *p, const uint8_t *x, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const mce_type type = p->x.type;
    const int32_t n = p->y.h * p->y.w * p->y.c;
    for (int32_t i = 0; i < n; i += 2) {
        const int32_t even = mce_rescale_element(p, mce_load(type, x, i));
        const int32_t odd = i + 1 < n ? mce_rescale_element(p, mce_load(type, x, i + 1)) : 0;
        mce_store_pair(p->y.type, y, i, n, even, odd);
    }
}
