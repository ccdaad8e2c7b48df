#include "mixcomp/internal/elements.h"
#include "mixcomp/log_softmax.h"

/* 2^16 * log2(sum / 2^15), 2^15 <= sum < 2^31, bit by bit: a number from 1 (2^30) to 2, squared, reaches 2 where its
 * logarithm reaches 1/2. */
static uint32_t mce_log2(uint32_t sum)
{
    uint32_t result = 15;
    for (; sum < (uint32_t)1 << 30; sum *= 2) {
        result--;
    }
    for (int32_t i = 0; i < 16; i++) {
        sum = (uint32_t)((uint64_t)sum * sum >> 30); /* < 2^32 */
        result = 2 * result + (sum >> 31);
        sum >>= sum >> 31;
    }
    return result;
}

/* d[i] = max(x) - x[i],  L = log2(sum table[d] / 2^15) with 16 bits behind the point
 * y[i] = clamp(y.zero - ((d[i] * step + (L * octave >> 16) + 2^15) >> 16))                             SPEC.md 4.25
 * d * step < 2^30, L < 2^20 and octave < 2^26, so the sum is below 2^31. */
void mce_log_softmax__c(const mce_log_softmax *p, const uint8_t *x, /* [x.h*x.w][x.c] */
                        uint8_t *y /* [x.h*x.w][x.c] */)
{
    const mce_type type = p->x.type;
    const int32_t rows = p->x.h * p->x.w, n = p->x.c;
    for (int32_t r = 0; r < rows; r++) {
        const int32_t start = r * n;
        int32_t max = mce_type_min(type);
        for (int32_t i = start; i < start + n; i++) {
            const int32_t v = mce_load(type, x, i);
            max = v > max ? v : max;
        }
        uint32_t sum = 0;
        for (int32_t i = start; i < start + n; i++) {
            sum += p->table[max - mce_load(type, x, i)];
        }
        const int32_t logarithm = (int32_t)((uint64_t)mce_log2(sum) * (uint32_t)p->octave >> 16);
        for (int32_t i = start; i < start + n; i++) {
            const int32_t steps = ((max - mce_load(type, x, i)) * p->step + logarithm + 32768) >> 16; /* >= 0 */
            mce_store_next(p->y.type, y, i, mce_clamp(p->y.type, p->y.zero - steps));
        }
    }
}
