#include "mixcomp/internal/adaptive2d.h"
#include "mixcomp/adaptiveavg2d.h"

/* y[h,w,c] = clamp(y.zero + q32(sum (x - x.zero), m[k], s)) over a window of kind k                   SPEC.md 4.28
 * Lowering proves that |sum| * 2^s < 2^31. */
void mce_adaptiveavg2d__c(const mce_adaptive2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                          uint8_t *y /* [y.h][y.w][y.c] */)
{
    const int32_t least_rows = mce_adaptive_least(p->x.h, p->y.h), least_columns = mce_adaptive_least(p->x.w, p->y.w);
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const mce_span rows = mce_adaptive_span(h, p->x.h, p->y.h);
        for (int32_t w = 0; w < p->y.w; w++) {
            const mce_span columns = mce_adaptive_span(w, p->x.w, p->y.w);
            const int32_t tall = rows.end - rows.first, wide = columns.end - columns.first;
            const int32_t kind = 2 * (tall - least_rows) + wide - least_columns;
            for (int32_t c = 0; c < p->y.c; c++) {
                int32_t sum = -tall * wide * p->x.zero;
                for (int32_t i = rows.first; i < rows.end; i++) {
                    for (int32_t j = columns.first; j < columns.end; j++) {
                        sum += mce_load(p->x.type, x, (i * p->x.w + j) * p->x.c + c);
                    }
                }
                mce_store_output(&p->y, &p->requant, y, at++, sum, kind);
            }
        }
    }
}
