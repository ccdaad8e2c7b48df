#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/mve.h"
#include "mixcomp/lookup.h"

/* 16 or 32 elements a turn; which sides are packed is constant. A packed y is made of sixteen entries, one a byte: those of
 * odd elements go up by four bits, into their neighbour's byte. Returns the elements done. */
MCE_INLINE int32_t mce_lookup_vectors(int32_t x_packed, int32_t y_packed, const int8_t *table, const uint8_t *x,
                                      uint8_t *y, int32_t n)
{
    const mce_q low = mce_q_bytes(0x0F);
    const int32_t turn = x_packed ? 32 : 16, x_step = 16, y_step = y_packed ? turn / 2 : turn;
    int32_t done = 0;
    for (; done + turn <= n; done += turn, x += x_step, y += y_step) {
        const mce_q v = mce_q_load(x);
        if (x_packed) {
            const mce_q even = mce_q_lookup(table, mce_q_and(v, low)), odd = mce_q_lookup(table, mce_q_high_down(v));
            if (y_packed) {
                mce_q_store(y, mce_q_or(even, mce_q_low_up(odd)));
            } else {
                mce_q_store_two(y, even, odd);
            }
        } else if (y_packed) {
            const mce_q entries = mce_q_lookup(table, v);
            mce_q_store_halves(y, mce_q_or(entries, mce_q_low_up(mce_q_half_down(entries))));
        } else {
            mce_q_store(y, mce_q_lookup(table, v));
        }
    }
    return done;
}

/* y = table[x]                                                                                         SPEC.md 4.13
 * In place: what becomes of a vector or a pair is written once that is read, and is no longer. */
void mce_lookup__mve(const mce_lookup *p, const uint8_t *x, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const int32_t x_packed = mce_is_packed(p->x.type), y_packed = mce_is_packed(p->y.type);
    const int32_t n = p->y.h * p->y.w * p->y.c;
    const int8_t *const table = (const int8_t *)p->table;
    int32_t i = x_packed && y_packed ? mce_lookup_vectors(1, 1, table, x, y, n)
                : x_packed           ? mce_lookup_vectors(1, 0, table, x, y, n)
                : y_packed           ? mce_lookup_vectors(0, 1, table, x, y, n)
                                     : mce_lookup_vectors(0, 0, table, x, y, n);
    for (; i < n; i += 2) {
        const uint8_t *const from = x + mce_pair_bytes(x_packed, i);
        const int32_t even = p->table[x_packed ? from[0] & 0x0F : from[0]];
        const int32_t odd = i + 1 < n ? p->table[x_packed ? from[0] >> 4 : from[1]] : 0;
        mce_store_pair(p->y.type, y, i, n, even, odd);
    }
}
