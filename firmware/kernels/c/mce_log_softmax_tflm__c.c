#include "mixcomp/internal/tflm_newton.h"

#define MCE_ROOT_HALF 1518500250        /* in Q0.31 */
#define MCE_FOURTH_ROOT_HALF 1805811301 /* in Q0.31 */

/* Zeros before the first one; x > 0 */
static int32_t mce_leading_zeros(uint32_t x)
{
    int32_t n = 0;
    for (; x < (uint32_t)1 << 31; x *= 2) {
        n++;
    }
    return n;
}

static int32_t mce_saturated(uint64_t x)
{ return x > INT32_MAX ? INT32_MAX : (int32_t)x; }

/* log(total) in Q5.26; total in Q12.19, 1 <= total < 2^12. Of two mantissas, that of total and that of total times the root of
 * a half, the smaller one: its logarithm by a fraction of polynomials around the fourth root of a half, with the power of
 * two. */
static int32_t mce_tflm_logarithm(int32_t total)
{
    const int32_t leading = mce_leading_zeros((uint32_t)total); /* 1 .. 12 */
    const int32_t high = mce_doubling_high((int32_t)((uint32_t)total << (leading - 1)), MCE_ROOT_HALF);
    const int32_t a = mce_saturated((uint64_t)high * 2), power_a = (12 - leading) * (1 << 25) + (1 << 23);
    const int32_t room = mce_leading_zeros((uint32_t)mce_doubling_high(total, MCE_ROOT_HALF)) - 1; /* 0 .. 12 */
    const int32_t b = mce_saturated((uint64_t)total << room), power_b = (12 - room) * (1 << 25) - (1 << 23);
    const int32_t r = a < b ? a : b, power = power_a > power_b ? power_a : power_b;
    const int32_t p = (int32_t)(((uint32_t)r + MCE_FOURTH_ROOT_HALF + 1u) >> 1), q = 2 * (r - MCE_FOURTH_ROOT_HALF);
    const int32_t q2 = mce_doubling_high(q, q);
    const int32_t above = mce_doubling_high(q, r) + mce_doubling_high(mce_doubling_high(q, q2), 117049297);
    const int32_t below = mce_doubling_high(p, 1057819769 + q + mce_doubling_high(q2, 127690142)) +
                          mce_doubling_high(q, 638450708); /* in 0 .. 1 */
    const int32_t inverse = mce_newton((int32_t)(((uint32_t)below + (uint32_t)INT32_MAX + 1u) >> 1));
    return 2 * (mce_doubling_high(power, 1488522236) + mce_doubling_high(mce_divide_by_power(above, 6), inverse));
}

/* d[i] = x[i] - max(x),  L = log(sum of e^d),  s[i] = (d[i] - L) * 16 + 127 as an int8, -128 where d is too small to count
 * y = clamp(y.zero + tflm(s - 127, r))                                                                 SPEC.md 9.3
 * e is in Q0.31, their sum in Q12.19: below 2^31 for up to 4095 elements. */
void mce_log_softmax_tflm__c(const mce_tflm_log_softmax *p, const uint8_t *x, /* [x.h*x.w][x.c] */
                             uint8_t *y /* [x.h*x.w][x.c] */)
{
    const mce_type type = p->x.type;
    const int32_t rows = p->x.h * p->x.w, n = p->x.c;
    for (int32_t r = 0; r < rows; r++) {
        const int32_t start = r * n;
        int32_t max = mce_type_min(type), sum = 0;
        for (int32_t i = start; i < start + n; i++) {
            const int32_t v = mce_load(type, x, i);
            max = v > max ? v : max;
        }
        for (int32_t i = start; i < start + n; i++) {
            sum += mce_divide_by_power(p->table[max - mce_load(type, x, i)], 12);
        }
        const int32_t logarithm = mce_tflm_logarithm(sum);
        const int32_t room = mce_tflm(logarithm + INT32_MIN, p->back.m, p->back.shift);
        const int32_t floor = room > p->least - 1 ? room : p->least - 1;
        for (int32_t i = start; i < start + n; i++) {
            const int32_t d = mce_load(type, x, i) - max;
            int32_t s = -255; /* sixteenths */
            if (d > floor) {
                s = mce_divide_by_power(mce_tflm(d, p->step.m, p->step.shift) - logarithm, 22);
                s = s < -255 ? -255 : s > 0 ? 0 : s;
            }
            mce_store_next(p->y.type, y, i, mce_tflm_requantize(p->y.type, p->y.zero, s, p->by.m, p->by.shift));
        }
    }
}
