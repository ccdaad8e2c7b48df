#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/avgpool2d.h"

/* y[h,w,c] = clamp(y.zero + q32(sum (x - x.zero), m[n], s)) over the n elements of the window inside x  SPEC.md 4.7
 * |sum| <= kh*kw*255, and lowering proves that |sum| * 2^s < 2^31. */
void mce_avgpool2d__c(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
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
            const int32_t n = (rows.end - rows.first) * (columns.end - columns.first); /* >= 1 */
            for (int32_t c = 0; c < p->y.c; c++) {
                int32_t sum = -n * p->x.zero;
                for (int32_t i = rows.first; i < rows.end; i++) {
                    const int32_t start = (row + i * k->dh) * p->x.w + column;
                    for (int32_t j = columns.first; j < columns.end; j++) {
                        sum += mce_load(p->x.type, x, (start + j * k->dw) * p->x.c + c);
                    }
                }
                mce_store_output(&p->y, &p->requant, y, at++, sum, n - 1);
            }
        }
    }
}
