/* Two operands, strip by strip, code by code: (a - a.zero)*ma and (b - b.zero)*mb are one MLA each, and SMMLAR by 2^(32-s)
 * is the rounding shift, y's zero point included. So s is 2 at least. */
#ifndef MIXCOMP_INTERNAL_PAIRS_DSP_H
#define MIXCOMP_INTERNAL_PAIRS_DSP_H

#include "mixcomp/internal/strips_dsp.h"

/* How codes become terms, code * multiplier + offset, modulo 2^32, and what is made of these becomes y: by SMMLAR, in offset
 * binary. Flips are of four codes. */
typedef struct mce_terms {
    uint32_t a_flip, b_flip, y_flip;
    int32_t ma, mb;
    uint32_t a_offset, b_offset;
    int32_t m, zero;
} mce_terms;

MCE_INLINE mce_terms mce_terms_of(const mce_pair *p)
{
    const mce_worth a = mce_worth_of(&p->a), b = mce_worth_of(&p->b);
    const uint32_t repeated = mce_is_packed(p->y_type) ? 0x11111111u : 0x01010101u;
    const int32_t half = -mce_type_min(p->y_type);
    const mce_terms terms = {a.flip * 0x01010101u,
                             b.flip * 0x01010101u,
                             (uint32_t)half * repeated,
                             p->a_multiplier,
                             p->b_multiplier,
                             (uint32_t)-a.zero * (uint32_t)p->a_multiplier,
                             (uint32_t)-b.zero * (uint32_t)p->b_multiplier,
                             (int32_t)((uint32_t)1 << (32 - p->shift)),
                             p->y_zero + half};
    return terms;
}

/* What becomes of the term u and the code b; the result fits in int32. */
typedef int32_t mce_join(const mce_terms *t, uint32_t u, uint32_t b);

MCE_INLINE int32_t mce_join_sum(const mce_terms *t, uint32_t u, uint32_t b)
{ return (int32_t)(u + b * (uint32_t)t->mb); }

MCE_INLINE int32_t mce_join_smaller(const mce_terms *t, uint32_t u, uint32_t b)
{
    const int32_t v = (int32_t)(b * (uint32_t)t->mb + t->b_offset), w = (int32_t)u;
    return v < w ? v : w;
}

MCE_INLINE int32_t mce_join_larger(const mce_terms *t, uint32_t u, uint32_t b)
{
    const int32_t v = (int32_t)(b * (uint32_t)t->mb + t->b_offset), w = (int32_t)u;
    return v > w ? v : w;
}

/* A code of y of 4 or 8 bits, in offset binary, of codes at bit `at` of two words. */
MCE_INLINE uint32_t mce_joined(const mce_terms *t, mce_join *join, uint32_t a, uint32_t b, uint32_t at, int32_t nibbles,
                               int32_t packed)
{
    const uint32_t mask = nibbles ? 0x0Fu : 0xFFu;
    uint32_t u = (a >> at & mask) * (uint32_t)t->ma + t->a_offset;
    MCE_IN_REGISTER(u); /* or the offset would be added by itself */
    const int32_t v = mce_smmlar(join(t, u, b >> at & mask), t->m, t->zero);
    return packed ? mce_usat4(v) : mce_usat8(v);
}

/* Four codes of y, side by side, of four that lie at bit `at` of words a and b. */
MCE_INLINE uint32_t mce_joined_four(const mce_terms *t, mce_join *join, uint32_t a, uint32_t b, uint32_t at,
                                    int32_t nibbles, int32_t packed)
{
    const uint32_t from = nibbles ? 4 : 8, to = packed ? 4 : 8;
    uint32_t y = mce_joined(t, join, a, b, at, nibbles, packed);
    y |= mce_joined(t, join, a, b, at + from, nibbles, packed) << to;
    y |= mce_joined(t, join, a, b, at + 2 * from, nibbles, packed) << 2 * to;
    return y | mce_joined(t, join, a, b, at + 3 * from, nibbles, packed) << 3 * to;
}

/* Codes of a and b, in bytes or both in half bytes, to y, n of them, a multiple of 8. */
MCE_INLINE void mce_join_strips(const mce_terms *t, mce_join *join, const uint8_t *a, const uint8_t *b, int32_t n,
                                int32_t nibbles, int32_t packed, uint8_t *y)
{
    const uint32_t widen = nibbles ? 0x11u : 1u, a_flip = t->a_flip * widen, b_flip = t->b_flip * widen;
    for (const uint8_t *const end = y + mce_pair_bytes(packed, n); y < end; y += packed ? 4 : 8) {
        const uint32_t u = mce_get_word(a) ^ a_flip, v = mce_get_word(b) ^ b_flip;
        const uint32_t first = mce_joined_four(t, join, u, v, 0, nibbles, packed);
        a += 4;
        b += 4;
        if (!packed) {
            mce_put_word(y, first ^ t->y_flip);
        }
        uint32_t second;
        if (nibbles) {
            second = mce_joined_four(t, join, u, v, 16, nibbles, packed);
        } else {
            second = mce_joined_four(t, join, mce_get_word(a) ^ a_flip, mce_get_word(b) ^ b_flip, 0, nibbles, packed);
            a += 4;
            b += 4;
        }
        if (packed) {
            mce_put_word(y, (first | second << 16) ^ t->y_flip);
        } else {
            mce_put_word(y + 4, second ^ t->y_flip);
        }
    }
}

MCE_INLINE void mce_pairs_dsp(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch,
                              mce_join *join, int32_t sum)
{
    uint8_t *const a_strip = (uint8_t *)scratch, *const b_strip = a_strip + MCE_STRIP;
    const int32_t packed = mce_is_packed(p->y_type);
    const int32_t nibbles = mce_is_packed(p->a.type) && mce_is_packed(p->b.type);
    const int32_t period = mce_period(&p->b), length = period != 0 ? period : MCE_STRIP;
    const uint8_t *u = 0, *v = 0;
    mce_terms terms = mce_terms_of(p);
    terms.a_offset += sum ? terms.b_offset : 0;
    for (int32_t start = 0; start < p->n; start += length) {
        const int32_t n = p->n - start < length ? p->n - start : length, whole = (n + 7) & ~7;
        u = mce_strip_codes(&p->a, a, start, n, nibbles, a_strip + (nibbles ? MCE_STRIP / 2 : 0)); /* y comes behind */
        v = start > 0 && period != 0 ? v : mce_strip_codes(&p->b, b, start, n, nibbles, b_strip);
        uint8_t *const at = y + mce_pair_bytes(packed, start), *const to = n == whole ? at : a_strip;
        if (nibbles && packed) {
            mce_join_strips(&terms, join, u, v, whole, 1, 1, to);
        } else if (nibbles) {
            mce_join_strips(&terms, join, u, v, whole, 1, 0, to);
        } else if (packed) {
            mce_join_strips(&terms, join, u, v, whole, 0, 1, to);
        } else {
            mce_join_strips(&terms, join, u, v, whole, 0, 0, to);
        }
        if (n != whole) {
            const int32_t bytes = packed ? (n + 1) >> 1 : n;
            if (packed && (n & 1) != 0) {
                to[n >> 1] &= 0x0F;
            }
            for (int32_t i = 0; i < bytes; i++) {
                at[i] = to[i];
            }
        }
    }
}

#endif
