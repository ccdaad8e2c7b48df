#include "mixcomp/internal/tflm_newton.h"

/* 2^43 / total as a number in Q0.31 and a shift, by Newton's method on the mantissa; 2^19 <= total < 2^31 */
static int32_t mce_reciprocal(uint32_t total, int32_t *shift)
{
    *shift = 35;
    for (; total < (uint32_t)1 << 31; total *= 2) {
        *shift -= 1;
    }
    return mce_newton((int32_t)(total >> 1)); /* 1/2 .. 1 in Q0.31 */
}

/* e[i] = table[max(x) - x[i]],  S = sum of e / 2^12, rounded,  y[i] = min(255, e[i] / S in steps of 1/256)  SPEC.md 9.3
 * e is in Q0.31, S in Q12.19: below 2^31 for up to 4095 elements. */
void mce_softmax_tflm__c(const mce_tflm_softmax *p, const uint8_t *x, /* [x.h*x.w][x.c] */
                         uint8_t *y /* [x.h*x.w][x.c] u8 */)
{
    const mce_type type = p->x.type;
    const int32_t rows = p->x.h * p->x.w, n = p->x.c;
    for (int32_t r = 0; r < rows; r++) {
        const int32_t start = r * n;
        int32_t max = mce_type_min(type), shift = 0;
        for (int32_t i = start; i < start + n; i++) {
            const int32_t v = mce_load(type, x, i);
            max = v > max ? v : max;
        }
        uint32_t sum = 0;
        for (int32_t i = start; i < start + n; i++) {
            sum += (uint32_t)mce_divide_by_power(p->table[max - mce_load(type, x, i)], 12);
        }
        const int32_t inverse = mce_reciprocal(sum, &shift);
        for (int32_t i = start; i < start + n; i++) {
            const int32_t e = mce_doubling_high(inverse, p->table[max - mce_load(type, x, i)]);
            const int32_t v = shift > 31 ? 0 : mce_divide_by_power(e, shift);
            y[i] = (uint8_t)(v > 255 ? 255 : v);
        }
    }
}
