#include "mixcomp/internal/elements.h"
#include "mixcomp/resize.h"

/* y[h,w,c] = (sum of four x + 2^19) >> 20, weights 1024 - a and a by 1024 - b and b; y has x's type  SPEC.md 4.27
 * An element that does not exist has weight 0: its neighbour stands in. |sum| <= 2^20 * 255. */
void mce_resize__c(const mce_resize *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                   uint8_t *y /* [y.h][y.w][y.c] */)
{
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t row = p->rows[h] / 1024, a = p->rows[h] % 1024, below = a != 0 ? p->x.w : 0;
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t column = p->columns[w] / 1024, b = p->columns[w] % 1024;
            const int32_t nw = (row * p->x.w + column) * p->x.c, ne = b != 0 ? nw + p->x.c : nw;
            const int32_t down = below * p->x.c;
            for (int32_t c = 0; c < p->x.c; c++) {
                const int32_t left = mce_load(p->x.type, x, nw + c), right = mce_load(p->x.type, x, ne + c);
                int32_t sum = (1024 * left + b * (right - left)) * (1024 - a);
                if (a != 0) {
                    const int32_t low = mce_load(p->x.type, x, nw + down + c);
                    sum += (1024 * low + b * (mce_load(p->x.type, x, ne + down + c) - low)) * a;
                }
                mce_store_next(p->y.type, y, at++, mce_round_shift((uint32_t)sum, 20));
            }
        }
    }
}
