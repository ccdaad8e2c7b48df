/* Strips of codes as in pairs.h, eight at a time, or, where all of a, b and y have 4 bits, of nibbles as they lie in
 * memory. */
#ifndef MIXCOMP_INTERNAL_STRIPS_DSP_H
#define MIXCOMP_INTERNAL_STRIPS_DSP_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/pairs.h"

MCE_INLINE void mce_put_word(uint8_t *to, uint32_t v)
{ *(mce_word_any *)to = v; }

MCE_INLINE uint32_t mce_get_word(const uint8_t *from)
{ return *(const mce_word_any *)from; }

/* The nibbles of v, one to a byte. */
MCE_INLINE void mce_part_nibbles(uint32_t v, uint8_t *to)
{
    const uint32_t even = v & 0x0F0F0F0Fu, odd = v >> 4 & 0x0F0F0F0Fu;
    const uint32_t outer = mce_uxtb16(even) | mce_uxtb16(odd) << 8, inner = mce_uxtb16_odd(even) | mce_uxtb16_odd(odd)
                                                                                                       << 8;
    mce_put_word(to, (outer & 0xFFFFu) | inner << 16);
    mce_put_word(to + 4, outer >> 16 | (inner & 0xFFFF0000u));
}

/* Whether x lies as y does, an element beside the other, all n of them, in bytes or half bytes as they are wanted. */
MCE_INLINE int32_t mce_lies(const mce_operand *x, int32_t n, int32_t nibbles)
{ return x->size[3] >= n && x->step[3] != 0 && mce_is_packed(x->type) == nibbles; }

/* Codes of elements at.. of an operand to places k.. of a strip, n of them. */
MCE_SHARED void mce_fill_strip(const mce_operand *x, const uint8_t *from, int32_t at, int32_t n, int32_t nibbles,
                               uint8_t *strip, int32_t k)
{
    const int32_t packed = mce_is_packed(x->type), step = x->step[3], end = k + n;
    while (k < end) {
        if ((k & 7) == 0 && step == 0) {
            const uint32_t code = mce_code(packed, from, at), four = code * (nibbles ? 0x11111111u : 0x01010101u);
            for (; k + 8 <= end; k += 8) {
                mce_put_word(strip + mce_pair_bytes(nibbles, k), four);
                mce_put_word(strip + mce_pair_bytes(nibbles, k) + (nibbles ? 0 : 4), four);
            }
        } else if ((k & 7) == 0 && !packed) {
            for (; k + 8 <= end; k += 8, at += 8) {
                mce_put_word(strip + k, mce_get_word(from + at));
                mce_put_word(strip + k + 4, mce_get_word(from + at + 4));
            }
        } else if ((k & 7) == 0 && (at & 1) == 0) {
            const uint8_t *in = from + at / 2;
            if (nibbles) {
                for (; k + 8 <= end; k += 8, at += 8, in += 4) {
                    mce_put_word(strip + k / 2, mce_get_word(in));
                }
            } else {
                for (; k + 8 <= end; k += 8, at += 8, in += 4) {
                    mce_part_nibbles(mce_get_word(in), strip + k);
                }
            }
        }
        if (k < end) {
            mce_store_next(nibbles ? MCE_U4 : MCE_U8, strip, k, mce_code(packed, from, at));
            k++;
            at += step;
        }
    }
}

/* The codes that y's elements start.. meet, n of them: where they lie if these are whole words, or in strip. */
MCE_SHARED const uint8_t *mce_strip_codes(const mce_operand *x, const uint8_t *from, int32_t start, int32_t n,
                                          int32_t nibbles, uint8_t *strip)
{
    const int32_t packed = mce_is_packed(x->type);
    int32_t run = 0;
    for (int32_t k = 0; k < n; k += run) {
        const int32_t at = mce_meets(x, start + k, &run);
        const int32_t as_they_are = packed == nibbles && (at & packed) == 0 && x->step[3] != 0;
        if (k == 0 && run >= n && (n & 7) == 0 && as_they_are) {
            return from + mce_pair_bytes(packed, at);
        }
        run = run < n - k ? run : n - k;
        mce_fill_strip(x, from, at, run, nibbles, strip, k);
    }
    return strip;
}

#endif
