#include "mixcomp/internal/avgpool2d_words.h"

MCE_INLINE void store(const mce_pool2d *p, uint8_t *y, int32_t at, const mce_pool_sums *sums)
{
    for (int32_t h = 0; h < 2; h++) {
        for (int32_t i = h; i < 2 * sums->parts; i += 2) {
            mce_store_output(&p->y, &p->requant, y, at++, mce_pool_sum(sums, i), sums->m);
        }
    }
}

/* y[h,w,c] = clamp(y.zero + q32(sum (x - x.zero), m[n], s)) over the n elements of the window inside x  SPEC.md 4.7 */
void mce_avgpool2d_words__c(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                            uint8_t *y /* [y.h][y.w][y.c] */)
{ mce_avgpool2d_words(p, x, y, store); }
