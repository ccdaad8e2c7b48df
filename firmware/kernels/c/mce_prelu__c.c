#include "mixcomp/internal/elements.h"
#include "mixcomp/prelu.h"

/* A multiplier below 0 is that of a falling slope: it and x - x.zero change signs together. */
static int32_t mce_prelu_element(const mce_prelu *p, int32_t x, int32_t c)
{
    const int32_t v = x - p->x.zero, m = p->requant.multiplier[v < 0 ? 1 + c : 0];
    return mce_requantize(p->y.type, p->y.zero, m < 0 ? -v : v, m < 0 ? -m : m, p->requant.shift);
}

/* y = clamp(y.zero + q32(v, m[0])) for v = x - x.zero >= 0, else clamp(y.zero + q32(v, m[1 + c]))      SPEC.md 4.14
 * |v| * 2^s < 2^31 (lowering proves it). In place: both elements of a byte are read before it is written. */
void mce_prelu__c(const mce_prelu *p, const uint8_t *x, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const mce_type type = p->x.type;
    const int32_t n = p->y.h * p->y.w * p->y.c, channels = p->y.c;
    int32_t c = 0;
    for (int32_t i = 0; i < n; i += 2) {
        const int32_t next = c + 1 < channels ? c + 1 : 0;
        const int32_t even = mce_prelu_element(p, mce_load(type, x, i), c);
        const int32_t odd = i + 1 < n ? mce_prelu_element(p, mce_load(type, x, i + 1), next) : 0;
        mce_store_pair(p->y.type, y, i, n, even, odd);
        c = next + 1 < channels ? next + 1 : 0;
    }
}
