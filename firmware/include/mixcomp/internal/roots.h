/* Square roots of integers, and their inverses. */
#ifndef MIXCOMP_INTERNAL_ROOTS_H
#define MIXCOMP_INTERNAL_ROOTS_H

#include "mixcomp/internal/arith.h"

/* The largest r with r*r <= v, v < 2^62, bit by bit: root holds r's known bits times the bit in question. */
MCE_INLINE uint32_t mce_root(uint64_t v)
{
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 60; bit != 0; bit >>= 2) {
        const uint64_t trial = root + bit;
        root >>= 1;
        if (v >= trial) {
            v -= trial;
            root += bit;
        }
    }
    return (uint32_t)root;
}

/* (wide + 2^(s-1)) >> s, 1 <= s <= 62; >> is that of mce_round32. */
MCE_INLINE int32_t mce_round_wide(int64_t wide, int32_t s)
{ return (int32_t)((wide + ((int64_t)1 << (s - 1))) >> s); }

/* An inverse square root: 2^16 / sqrt(v) is r / 2^shift. */
typedef struct mce_inverse_root {
    int32_t r, shift;
} mce_inverse_root;

/* With 2^60 <= v * 4^a < 2^62: r = floor((2^61 - 1) / floor(sqrt(v * 4^a))), shift = 45 - a, 0 <= v < 2^62; r is 0 for 0. The
 * quotient has 31 bits, and what is left over is below the divisor, so 32 bits hold twice as much. */
MCE_INLINE mce_inverse_root mce_invert_root(uint64_t v)
{
    mce_inverse_root y = {0, 45};
    uint32_t quotient = 0, rest = ((uint32_t)1 << 30) - 1; /* of the first 30 ones of 2^61 - 1 */
    if (v == 0) {
        return y;
    }
    for (; v < (uint64_t)1 << 60; v <<= 2) {
        y.shift--;
    }
    const uint32_t root = mce_root(v);
    for (int32_t i = 0; i < 31; i++) {
        rest = 2 * rest + 1;
        quotient *= 2;
        if (rest >= root) {
            rest -= root;
            quotient++;
        }
    }
    y.r = (int32_t)quotient;
    return y;
}

#endif
