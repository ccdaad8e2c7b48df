#include "mixcomp/internal/adaptive2d.h"
#include "mixcomp/adaptivemax2d.h"

/* y[h,w,c] = max of the elements of its window; y has x's type                                        SPEC.md 4.28 */
void mce_adaptivemax2d__c(const mce_adaptive2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                          uint8_t *y /* [y.h][y.w][y.c] */)
{
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const mce_span rows = mce_adaptive_span(h, p->x.h, p->y.h);
        for (int32_t w = 0; w < p->y.w; w++) {
            const mce_span columns = mce_adaptive_span(w, p->x.w, p->y.w);
            for (int32_t c = 0; c < p->y.c; c++) {
                int32_t max = mce_type_min(p->x.type);
                for (int32_t i = rows.first; i < rows.end; i++) {
                    for (int32_t j = columns.first; j < columns.end; j++) {
                        const int32_t v = mce_load(p->x.type, x, (i * p->x.w + j) * p->x.c + c);
                        max = v > max ? v : max;
                    }
                }
                mce_store_next(p->y.type, y, at++, max);
            }
        }
    }
}
