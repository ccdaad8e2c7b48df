#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/pad.h"

/* y[h,w,c] = x[h - top, w - left, c - front], and x.zero outside x; y has x's type                     SPEC.md 4.9 */
void mce_pad__c(const mce_pad *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                uint8_t *y /* [y.h][y.w][y.c] */)
{
    int32_t at = 0;
    for (int32_t h = -p->top; h < p->y.h - p->top; h++) {
        for (int32_t w = -p->left; w < p->y.w - p->left; w++) {
            for (int32_t c = -p->front; c < p->y.c - p->front; c++) {
                const int32_t inside = mce_inside(h, p->x.h) && mce_inside(w, p->x.w) && mce_inside(c, p->x.c);
                const int32_t v = inside ? mce_load(p->x.type, x, (h * p->x.w + w) * p->x.c + c) : p->x.zero;
                mce_store_next(p->y.type, y, at++, v);
            }
        }
    }
}
