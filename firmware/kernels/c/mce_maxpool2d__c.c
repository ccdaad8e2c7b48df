#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/maxpool2d.h"

/* y[h,w,c] = max of the elements of the window inside x; y has x's type                                SPEC.md 4.8 */
void mce_maxpool2d__c(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                      uint8_t *y /* [y.h][y.w][y.c] */)
{
    const mce_window *const k = &p->window;
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t row = h * k->sh - k->top;
        const mce_span rows = mce_taps_inside(row, k->dh, k->kh, p->x.h);
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t column = w * k->sw - k->left;
            const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
            for (int32_t c = 0; c < p->y.c; c++) {
                int32_t max = mce_type_min(p->x.type);
                for (int32_t i = rows.first; i < rows.end; i++) {
                    const int32_t start = (row + i * k->dh) * p->x.w + column;
                    for (int32_t j = columns.first; j < columns.end; j++) {
                        const int32_t v = mce_load(p->x.type, x, (start + j * k->dw) * p->x.c + c);
                        max = v > max ? v : max;
                    }
                }
                mce_store_next(p->y.type, y, at++, max);
            }
        }
    }
}
