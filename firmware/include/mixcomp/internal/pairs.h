/* Two operands in strips: whatever their types and however they repeat, a strip has their codes one to a byte, where they
 * lie or in scratch. Each strip of both is read before that part of y is written, which may be where an operand lies. */
#ifndef MIXCOMP_INTERNAL_PAIRS_H
#define MIXCOMP_INTERNAL_PAIRS_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/pair.h"

#define MCE_STRIP 128 /* elements: a multiple of 8; scratch holds a strip of each operand */

/* The code of element i: 0..15 where two share a byte, else 0..255. */
MCE_INLINE uint8_t mce_code(int32_t packed, const uint8_t *x, int32_t i)
{ return packed ? x[i >> 1] >> (i & 1) * 4 & 0x0F : x[i]; }

/* What a code is worth: (code ^ flip) - zero, for codes of 0..15 or 0..255. */
typedef struct mce_worth {
    uint32_t flip;
    int32_t zero;
} mce_worth;

MCE_INLINE mce_worth mce_worth_of(const mce_operand *x)
{
    const int32_t half = -mce_type_min(x->type);
    const mce_worth worth = {(uint32_t)half, x->zero + half};
    return worth;
}

MCE_INLINE int32_t mce_value(mce_worth worth, uint8_t code)
{ return (int32_t)(code ^ worth.flip) - worth.zero; }

/* Where element i of y meets x; run: for how many elements of y from there x goes on alike. */
MCE_INLINE int32_t mce_meets(const mce_operand *x, int32_t i, int32_t *run)
{
    const int32_t outer = i / x->size[3], within = i - outer * x->size[3];
    int32_t at = within * x->step[3], rest = outer;
    *run = x->size[3] - within;
    for (int32_t axis = 2; rest != 0; axis--) {
        at += rest % x->size[axis] * x->step[axis];
        rest /= x->size[axis];
    }
    return at;
}

/* Elements of a strip in which x, a short vector that repeats, begins anew; 0 where there is none. */
MCE_INLINE int32_t mce_period(const mce_operand *x)
{
    int32_t n = x->size[3];
    if (x->step[0] != 0 || x->step[1] != 0 || x->step[2] != 0 || x->step[3] == 0) {
        return 0;
    }
    for (; n <= MCE_STRIP; n *= 2) {
        if ((n & 7) == 0) {
            return MCE_STRIP / n * n;
        }
    }
    return 0;
}

/* The codes that y's elements start.. meet, n of them: where they lie, or in strip. */
MCE_INLINE const uint8_t *mce_codes(const mce_operand *x, const uint8_t *from, int32_t start, int32_t n, uint8_t *strip)
{
    const int32_t packed = mce_is_packed(x->type), step = x->step[3];
    for (int32_t k = 0; k < n;) {
        int32_t run = 0, at = mce_meets(x, start + k, &run);
        if (k == 0 && run >= n && !packed && step != 0) {
            return from + at;
        }
        for (const int32_t end = run < n - k ? k + run : n; k < end; at += step) {
            for (; packed && step != 0 && (at & 1) == 0 && k + 2 <= end; k += 2, at += 2) {
                const uint8_t both = from[at >> 1];
                strip[k] = both & 0x0F;
                strip[k + 1] = both >> 4;
            }
            if (k < end) {
                strip[k++] = mce_code(packed, from, at);
            }
        }
    }
    return strip;
}

/* What becomes of two values, before y's zero point and the clamp: of multipliers ma, mb and shift s. */
typedef int32_t mce_combine(int32_t a, int32_t b, int32_t ma, int32_t mb, int32_t s);

MCE_INLINE void mce_pairs(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch,
                          mce_combine *combine)
{
    uint8_t *const a_strip = (uint8_t *)scratch, *const b_strip = a_strip + MCE_STRIP;
    const mce_worth wa = mce_worth_of(&p->a), wb = mce_worth_of(&p->b);
    const int32_t ma = p->a_multiplier, mb = p->b_multiplier, s = p->shift, zero = p->y_zero;
    const int32_t low = mce_type_min(p->y_type), high = mce_type_max(p->y_type), packed = mce_is_packed(p->y_type);
    const int32_t period = mce_period(&p->b), length = period != 0 ? period : MCE_STRIP;
    const uint8_t *u = 0, *v = 0;
    for (int32_t start = 0; start < p->n; start += length) {
        const int32_t n = p->n - start < length ? p->n - start : length;
        u = mce_codes(&p->a, a, start, n, a_strip);
        v = start > 0 && period != 0 ? v : mce_codes(&p->b, b, start, n, b_strip);
        for (int32_t k = 0; k < n; k++) {
            int32_t value = zero + combine(mce_value(wa, u[k]), mce_value(wb, v[k]), ma, mb, s);
            value = value < low ? low : value > high ? high : value;
            if (!packed) {
                y[start + k] = (uint8_t)value;
            } else if ((k & 1) == 0) { /* start is even; a whole byte, once both its elements are read */
                y[(start + k) >> 1] = (uint8_t)(value & 0x0F);
            } else {
                y[(start + k) >> 1] |= (uint8_t)((uint32_t)value << 4);
            }
        }
    }
}

MCE_INLINE int32_t mce_product(int32_t a, int32_t b, int32_t ma, int32_t mb, int32_t s)
{
    (void)mb;
    return mce_q32(a * b, ma, s);
}

/* (a*ma + b*mb + 2^(s-1)) >> s. A product alone may leave int32 by half a step, hence unsigned arithmetic. */
MCE_INLINE int32_t mce_blended(int32_t a, int32_t b, int32_t ma, int32_t mb, int32_t s)
{ return mce_round_shift((uint32_t)a * (uint32_t)ma + (uint32_t)b * (uint32_t)mb, s); }

/* (max(a*ma, b*mb) + 2^(s-1)) >> s */
MCE_INLINE int32_t mce_larger(int32_t a, int32_t b, int32_t ma, int32_t mb, int32_t s)
{
    const int32_t u = a * ma, v = b * mb;
    return mce_round_shift((uint32_t)(u > v ? u : v), s);
}

MCE_INLINE int32_t mce_smaller(int32_t a, int32_t b, int32_t ma, int32_t mb, int32_t s)
{
    const int32_t u = a * ma, v = b * mb;
    return mce_round_shift((uint32_t)(u < v ? u : v), s);
}

#endif
