#include "mixcomp/internal/elements.h"
#include "mixcomp/gather.h"

/* y[h,w,c] = x[rows[h], columns[w], c]; y has x's type                                                SPEC.md 4.20 */
void mce_gather__c(const mce_gather *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                   uint8_t *y /* [y.h][y.w][y.c] */)
{
    const int32_t channels = p->x.c, packed = mce_is_packed(p->x.type);
    const int32_t whole = packed == 0 || (channels & 1) == 0; /* pixels begin with a byte */
    const int32_t bytes = mce_pair_bytes(packed, channels);
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t line = p->rows[h] * p->x.w;
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t pixel = line + p->columns[w];
            if (whole != 0) {
                const uint8_t *const from = x + pixel * bytes;
                for (int32_t i = 0; i < bytes; i++) {
                    *y++ = from[i];
                }
            } else {
                for (int32_t c = 0; c < channels; c++) {
                    mce_store_next(p->y.type, y, at++, mce_load(p->x.type, x, pixel * channels + c));
                }
            }
        }
    }
}
