#include "mixcomp/internal/elements.h"
#include "mixcomp/tflm.h"

/* y[h,w,c] = (sum of four x) / 2^20, ties away from zero, weights 1024 - a and a by 1024 - b and b, of int8s: u4 and u8
 * less 128; y has x's type                                                                             SPEC.md 9.3
 * An element that does not exist has weight 0: its neighbour stands in. |sum| <= 2^20 * 128. */
void mce_resize_tflm__c(const mce_resize *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                        uint8_t *y /* [y.h][y.w][y.c] */)
{
    const mce_type type = p->x.type;
    const int32_t less = type == MCE_U4 || type == MCE_U8 ? 128 : 0, channels = p->x.c;
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t row = p->rows[h] / 1024, a = p->rows[h] % 1024, down = a != 0 ? p->x.w * channels : 0;
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t column = p->columns[w] / 1024, b = p->columns[w] % 1024, right = b != 0 ? channels : 0;
            const int32_t first = (row * p->x.w + column) * channels;
            for (int32_t i = first; i < first + channels; i++) {
                const int32_t near = mce_load(type, x, i) - less, far = mce_load(type, x, i + right) - less;
                const int32_t low = mce_load(type, x, i + down) - less,
                              last = mce_load(type, x, i + down + right) - less;
                const int32_t sum = (1024 * near + b * (far - near)) * (1024 - a) + (1024 * low + b * (last - low)) * a;
                const int32_t v = (sum > 0 ? sum + 524288 : sum - 524288) / 1048576;
                mce_store_next(p->y.type, y, at++, v + less);
            }
        }
    }
}
