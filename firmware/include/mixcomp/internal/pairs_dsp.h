/* Two operands, strip by strip, code by code: (a - a.zero)*ma and (b - b.zero)*mb are one MLA each, and SMMLAR by 2^(32-s)
 * is the rounding shift, y's zero point included. So s is 2 at least. */
#ifndef MIXCOMP_INTERNAL_PAIRS_DSP_H
#define MIXCOMP_INTERNAL_PAIRS_DSP_H

#include "mixcomp/internal/strips_dsp.h"

/* How codes become terms, code * multiplier + offset, modulo 2^32, and what is made of these becomes y: by SMMLAR, in offset
 * binary. Flips are of four codes. */
typedef struct mce_pair_terms {
    uint32_t a_flip, b_flip, y_flip;
    int32_t ma, mb;
    uint32_t a_offset, b_offset;
    int32_t m, zero;
} mce_pair_terms;

MCE_INLINE mce_pair_terms mce_pair_terms_of(const mce_pair *p)
{
    const mce_worth a = mce_worth_of(&p->a), b = mce_worth_of(&p->b);
    const uint32_t repeated = mce_is_packed(p->y_type) ? 0x11111111u : 0x01010101u;
    const int32_t half = -mce_type_min(p->y_type);
    const mce_pair_terms terms = {a.flip * 0x01010101u,
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
typedef int32_t mce_join(const mce_pair_terms *t, uint32_t u, uint32_t b);

MCE_INLINE int32_t mce_join_sum(const mce_pair_terms *t, uint32_t u, uint32_t b)
{ return (int32_t)(u + b * (uint32_t)t->mb); }

MCE_INLINE int32_t mce_join_smaller(const mce_pair_terms *t, uint32_t u, uint32_t b)
{
    const int32_t v = (int32_t)(b * (uint32_t)t->mb + t->b_offset), w = (int32_t)u;
    return v < w ? v : w;
}

MCE_INLINE int32_t mce_join_larger(const mce_pair_terms *t, uint32_t u, uint32_t b)
{
    const int32_t v = (int32_t)(b * (uint32_t)t->mb + t->b_offset), w = (int32_t)u;
    return v > w ? v : w;
}

/* A code of y of 4 or 8 bits, in offset binary, of codes of a and b. */
MCE_INLINE uint32_t mce_joined(const mce_pair_terms *t, mce_join *join, uint32_t a, uint32_t b, int32_t packed)
{
    uint32_t u = a * (uint32_t)t->ma + t->a_offset;
    MCE_IN_REGISTER(u); /* or the offset would be added by itself */
    const int32_t v = mce_smmlar(join(t, u, b), t->m, t->zero);
    return packed ? mce_usat4(v) : mce_usat8(v);
}

/* Four codes, one beside the other in a word. */
typedef struct mce_codes_in {
    uint32_t word, bits; /* of each: 4 or 8 */
} mce_codes_in;

MCE_INLINE uint32_t mce_code_of(mce_codes_in x, uint32_t i)
{ return x.word >> i * x.bits & (x.bits == 4 ? 0x0Fu : 0xFFu); }

/* Four codes of y, side by side. */
MCE_INLINE uint32_t mce_joined_four(const mce_pair_terms *t, mce_join *join, mce_codes_in a, mce_codes_in b,
                                    int32_t packed)
{
    const uint32_t to = packed ? 4 : 8;
    uint32_t y = mce_joined(t, join, mce_code_of(a, 0), mce_code_of(b, 0), packed);
    y |= mce_joined(t, join, mce_code_of(a, 1), mce_code_of(b, 1), packed) << to;
    y |= mce_joined(t, join, mce_code_of(a, 2), mce_code_of(b, 2), packed) << 2 * to;
    return y | mce_joined(t, join, mce_code_of(a, 3), mce_code_of(b, 3), packed) << 3 * to;
}

/* Codes of a and b, of 4 or 8 bits each, to y, n of them, a multiple of 8. */
MCE_INLINE void mce_join_strips(const mce_pair_terms *t, mce_join *join, uint32_t a_bits, uint32_t b_bits,
                                const uint8_t *a, const uint8_t *b, int32_t n, int32_t packed, uint8_t *y)
{
    const uint32_t a_flip = t->a_flip * (a_bits == 4 ? 0x11u : 1u), b_flip = t->b_flip * (b_bits == 4 ? 0x11u : 1u);
    for (const uint8_t *const end = y + mce_pair_bytes(packed, n); y < end; y += packed ? 4 : 8) {
        mce_codes_in u = {mce_get_word(a) ^ a_flip, a_bits}, v = {mce_get_word(b) ^ b_flip, b_bits};
        const uint32_t first = mce_joined_four(t, join, u, v, packed);
        a += 4;
        b += 4;
        if (!packed) {
            mce_put_word(y, first ^ t->y_flip);
        }
        if (a_bits == 4) {
            u.word >>= 16;
        } else {
            u.word = mce_get_word(a) ^ a_flip;
            a += 4;
        }
        if (b_bits == 4) {
            v.word >>= 16;
        } else {
            v.word = mce_get_word(b) ^ b_flip;
            b += 4;
        }
        const uint32_t second = mce_joined_four(t, join, u, v, packed);
        if (packed) {
            mce_put_word(y, (first | second << 16) ^ t->y_flip);
        } else {
            mce_put_word(y + 4, second ^ t->y_flip);
        }
    }
}

/* Operands that lie as y does are read there, all others strip by strip. Where one has half bytes and the other bytes, the
 * first comes first, as what is made of the terms does not ask which is which; a kernel that is not `mixed`, to be smaller,
 * makes bytes of the half bytes. sum and mixed are constants. */
MCE_INLINE void mce_pairs_dsp(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch,
                              mce_join *join, int32_t sum, int32_t mixed)
{
    uint8_t *const a_strip = (uint8_t *)scratch, *const b_strip = a_strip + MCE_STRIP;
    mce_pair_terms terms = mce_pair_terms_of(p);
    const mce_operand *first = &p->a, *second = &p->b;
    if (mce_is_packed(second->type) && !mce_is_packed(first->type)) {
        const uint8_t *const other = a;
        const mce_pair_terms of = terms;
        a = b, b = other;
        first = &p->b, second = &p->a;
        terms.a_flip = of.b_flip, terms.ma = of.mb, terms.a_offset = of.b_offset;
        terms.b_flip = of.a_flip, terms.mb = of.ma, terms.b_offset = of.a_offset;
    }
    const int32_t packed = mce_is_packed(p->y_type), b_nibbles = mce_is_packed(second->type);
    const int32_t a_nibbles = mixed ? mce_is_packed(first->type) : b_nibbles, period = mce_period(second);
    const int32_t a_lies = mce_lies(first, p->n, a_nibbles), b_lies = mce_lies(second, p->n, b_nibbles);
    const int32_t length = period != 0 ? period : a_lies && b_lies && p->n >= 8 ? p->n & ~7 : MCE_STRIP;
    const uint8_t *u = 0, *v = 0;
    terms.a_offset += sum ? terms.b_offset : 0;
    for (int32_t start = 0; start < p->n; start += length) {
        const int32_t n = p->n - start < length ? p->n - start : length, whole = (n + 7) & ~7;
        if (a_lies && n == whole) {
            u = a + mce_pair_bytes(a_nibbles, start);
        } else { /* y comes behind */
            u = mce_strip_codes(first, a, start, n, a_nibbles, a_strip + (a_nibbles ? MCE_STRIP / 2 : 0));
        }
        if (b_lies && n == whole) {
            v = b + mce_pair_bytes(b_nibbles, start);
        } else if (start == 0 || period == 0) {
            v = mce_strip_codes(second, b, start, n, b_nibbles, b_strip);
        }
        uint8_t *const at = y + mce_pair_bytes(packed, start), *const to = n == whole ? at : a_strip;
        if (b_nibbles && packed) {
            mce_join_strips(&terms, join, 4, 4, u, v, whole, 1, to);
        } else if (b_nibbles) {
            mce_join_strips(&terms, join, 4, 4, u, v, whole, 0, to);
        } else if (mixed && a_nibbles && packed) {
            mce_join_strips(&terms, join, 4, 8, u, v, whole, 1, to);
        } else if (mixed && a_nibbles) {
            mce_join_strips(&terms, join, 4, 8, u, v, whole, 0, to);
        } else if (packed) {
            mce_join_strips(&terms, join, 8, 8, u, v, whole, 1, to);
        } else {
            mce_join_strips(&terms, join, 8, 8, u, v, whole, 0, to);
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
