#include "mixcomp/internal/elements.h"
#include "mixcomp/softmax.h"

/* e[i] = table[max(x) - x[i]],  S = sum(e),  y[i] = min(255, (256*e[i] + S/2) / S)                    SPEC.md 4.11
 * table[d] <= table[0] = 2^15, so 2^15 <= S < 2^31 for up to 65535 elements, and 256*e + S/2 < 2^31. */
void mce_softmax__c(const mce_softmax *p, const uint8_t *x, /* [x.h*x.w][x.c] */
                    uint8_t *y /* [x.h*x.w][x.c] u8 */)
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
        for (int32_t i = start; i < start + n; i++) {
            const uint32_t v = (256 * (uint32_t)p->table[max - mce_load(type, x, i)] + sum / 2) / sum;
            y[i] = (uint8_t)(v > 255 ? 255 : v);
        }
    }
}
