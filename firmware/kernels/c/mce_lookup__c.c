#include "mixcomp/internal/elements.h"
#include "mixcomp/lookup.h"

/* Two elements at a time; which sides are packed is constant. Bits are looked up as they are, whatever their sign. */
MCE_INLINE void mce_lookup_pairs(int32_t x_packed, int32_t y_packed, const uint8_t *table, const uint8_t *x, uint8_t *y,
                                 int32_t pairs)
{
    for (int32_t k = 0; k < pairs; k++) {
        const uint32_t even = x_packed ? table[x[k] & 0x0F] : table[x[2 * k]];
        const uint32_t odd = x_packed ? table[x[k] >> 4] : table[x[2 * k + 1]];
        if (y_packed) {
            y[k] = (uint8_t)(even | odd << 4);
        } else {
            y[2 * k] = (uint8_t)even;
            y[2 * k + 1] = (uint8_t)odd;
        }
    }
}

/* The same where both are packed, one byte a turn. */
MCE_INLINE void mce_lookup_packed(const uint8_t *table, const uint8_t *x, uint8_t *y, int32_t pairs)
{
    for (; pairs > 0; pairs--) {
        const uint32_t both = *x++;
        *y++ = (uint8_t)(table[both & 0x0F] | (uint32_t)table[both >> 4] << 4);
    }
}

/* y = table[x]                                                                                         SPEC.md 4.13
 * In place: no byte is written before the elements in it, and in those before it, are read. */
void mce_lookup__c(const mce_lookup *p, const uint8_t *x, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const int32_t x_packed = mce_is_packed(p->x.type), y_packed = mce_is_packed(p->y.type);
    const int32_t n = p->y.h * p->y.w * p->y.c, last = n - 1;
    if (x_packed && y_packed) {
        mce_lookup_packed(p->table, x, y, n / 2);
    } else if (x_packed) {
        mce_lookup_pairs(1, 0, p->table, x, y, n / 2);
    } else if (y_packed) {
        mce_lookup_pairs(0, 1, p->table, x, y, n / 2);
    } else {
        mce_lookup_pairs(0, 0, p->table, x, y, n / 2);
    }
    if (n % 2 != 0) {
        y[y_packed ? last / 2 : last] = p->table[x_packed ? x[last / 2] & 0x0F : x[last]];
    }
}
