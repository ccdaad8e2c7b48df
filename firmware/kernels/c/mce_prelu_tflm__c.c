#include "mixcomp/internal/tflm.h"

/* Words of the requantizer: a multiplier and its shift, of what is not below x.zero and of what is; then the slopes. */
static int32_t mce_prelu_element(const mce_prelu *p, int32_t x, int32_t c)
{
    const int32_t *const by = p->requant.multiplier;
    const int32_t v = x - p->x.zero;
    return v < 0 ? mce_tflm_requantize(p->y.type, p->y.zero, v * by[4 + c], by[2], by[3])
                 : mce_tflm_requantize(p->y.type, p->y.zero, v, by[0], by[1]);
}

/* y = clamp(y.zero + tflm(v, r[0])) for v = x - x.zero >= 0, else clamp(y.zero + tflm(v * slope[c], r[1]))  SPEC.md 9.3
 * |v * slope| < 2^16. In place: both elements of a byte are read before it is written. */
void mce_prelu_tflm__c(const mce_prelu *p, const uint8_t *x, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const int32_t channels = p->y.c, n = p->y.h * p->y.w * channels;
    int32_t c = 0;
    for (int32_t i = 0; i < n; i += 2) {
        const int32_t next = c + 1 == channels ? 0 : c + 1;
        const int32_t even = mce_prelu_element(p, mce_load(p->x.type, x, i), c);
        const int32_t odd = i + 1 < n ? mce_prelu_element(p, mce_load(p->x.type, x, i + 1), next) : 0;
        mce_store_pair(p->y.type, y, i, n, even, odd);
        c = next + 1 == channels ? 0 : next + 1;
    }
}
