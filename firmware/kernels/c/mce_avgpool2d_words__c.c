#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/kernels.h"

#if defined(__GNUC__)
typedef uint32_t __attribute__((__may_alias__, __aligned__(4))) mce_channels;
#else
typedef uint32_t mce_channels;
#endif

/* y[h,w,c] = clamp(y.zero + q32(sum (x - x.zero), m[n], s)) over the n elements of the window inside x  SPEC.md 4.7
 * A word holds 8 packed channels or 4 bytes; halfwords sum up what masks part. Signed types run as x + 8 or x + 128, so
 * each sum stays in 16 bits: kh*kw*15 or kh*kw*255 < 2^16 (packing words). x is aligned to 4 bytes. */
void mce_avgpool2d_words__c(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                            uint8_t *y /* [y.h][y.w][y.c] */)
{
    const mce_window *const k = &p->window;
    const int32_t packed = mce_is_packed(p->x.type), parts = packed ? 4 : 2;
    const int32_t words = p->x.c / (2 * parts), bits = packed ? 4 : 8;
    const uint32_t mask = packed ? 0x000F000Fu : 0x00FF00FFu;
    const uint32_t flip = p->x.type == MCE_S4 ? 0x88888888u : p->x.type == MCE_S8 ? 0x80808080u : 0;
    const int32_t zero = p->x.zero - mce_type_min(p->x.type);
    const mce_channels *const from = (const mce_channels *)(const void *)x;
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t row = h * k->sh - k->top;
        const mce_span rows = mce_taps_inside(row, k->dh, k->kh, p->x.h);
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t column = w * k->sw - k->left;
            const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
            const int32_t n = (rows.end - rows.first) * (columns.end - columns.first); /* >= 1 */
            for (int32_t c = 0; c < words; c++) {
                uint32_t sums[4] = {0, 0, 0, 0};
                for (int32_t i = rows.first; i < rows.end; i++) {
                    const int32_t start = (row + i * k->dh) * p->x.w + column;
                    const mce_channels *pixel = from + (start + columns.first * k->dw) * words + c;
                    for (int32_t j = columns.first; j < columns.end; j++, pixel += k->dw * words) {
                        const uint32_t v = *pixel ^ flip;
                        sums[0] += v & mask;
                        sums[1] += v >> bits & mask;
                        if (packed) {
                            sums[2] += v >> 8 & mask;
                            sums[3] += v >> 12 & mask;
                        }
                    }
                }
                for (int32_t i = 0; i < 2 * parts; i++) { /* channel i: the low halves, then the high ones */
                    const uint32_t both = sums[i < parts ? i : i - parts];
                    const int32_t sum = (int32_t)(i < parts ? both & 0xFFFFu : both >> 16);
                    mce_store_output(&p->y, &p->requant, y, at++, sum - n * zero, n - 1);
                }
            }
        }
    }
}
