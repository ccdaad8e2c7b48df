#include "mixcomp/internal/elements.h"
#include "mixcomp/add.h"

/* ((a - a.zero)*ma + (b - b.zero)*mb + 2^(s-1)) >> s, added to y.zero and clamped. The sum fits in int32 (lowering
 * chooses s so); a product alone may not by half a step, hence unsigned arithmetic, which may wrap on the way. */
static int32_t mce_add_element(const mce_add *p, int32_t a, int32_t b)
{
    const uint32_t sum =
        (uint32_t)(a - p->a.zero) * (uint32_t)p->a_multiplier + (uint32_t)(b - p->b.zero) * (uint32_t)p->b_multiplier;
    return mce_clamp(p->y.type, p->y.zero + mce_round_shift(sum, p->shift));
}

/* y = clamp(y.zero + (((a - a.zero)*ma + (b - b.zero)*mb + 2^(s-1)) >> s))                             SPEC.md 4.4
 * In place: both elements of a byte are read before it is written. */
void mce_add__c(const mce_add *p, const uint8_t *a, const uint8_t *b, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const mce_type a_type = p->a.type, b_type = p->b.type;
    const int32_t n = p->y.h * p->y.w * p->y.c;
    for (int32_t i = 0; i < n; i += 2) {
        const int32_t even = mce_add_element(p, mce_load(a_type, a, i), mce_load(b_type, b, i));
        int32_t odd = 0;
        if (i + 1 < n) {
            odd = mce_add_element(p, mce_load(a_type, a, i + 1), mce_load(b_type, b, i + 1));
        }
        mce_store_pair(p->y.type, y, i, n, even, odd);
    }
}
