/* Elements in another type, eight at a time: y = clamp(y.zero + q32(x - x.zero, m, s)). (x - x.zero) * 2^s is one MLA from
 * the code of x, q32 and y's zero point one SMMLAR. What is the same in both types is copied. */
#ifndef MIXCOMP_INTERNAL_RESCALE_DSP_H
#define MIXCOMP_INTERNAL_RESCALE_DSP_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"

/* Codes are unsigned, once flipped: (code * factor + offset) is (x - x.zero) * 2^s modulo 2^32, zero is y's in offset
 * binary. Flips are of four codes, of eight where they have 4 bits. */
typedef struct mce_rescaler {
    mce_type x_type, y_type;
    uint32_t x_flip, y_flip;
    int32_t factor, offset, m, zero;
    int32_t total; /* elements of y */
    int32_t same;  /* y's codes are x's */
} mce_rescaler;

MCE_INLINE uint32_t mce_flip_of(mce_type type)
{ return (uint32_t)-mce_type_min(type) * (mce_is_packed(type) ? 0x11111111u : 0x01010101u); }

MCE_INLINE mce_rescaler mce_rescaler_of(mce_type x_type, int32_t x_zero, mce_type y_type, int32_t y_zero,
                                        const mce_requant *requant, int32_t total)
{
    const int32_t s = requant->shift, m = requant->multiplier[0];
    const uint32_t factor = (uint32_t)1 << s, zero = (uint32_t)(x_zero - mce_type_min(x_type));
    const int32_t one = s > 0 && (uint32_t)m == (uint32_t)1 << (32 - s);
    const mce_rescaler by = {x_type,
                             y_type,
                             mce_flip_of(x_type),
                             mce_flip_of(y_type),
                             (int32_t)factor,
                             (int32_t)(0u - zero * factor),
                             m,
                             y_zero - mce_type_min(y_type),
                             total,
                             one && x_type == y_type && x_zero == y_zero};
    return by;
}

/* The code of y, in offset binary, for a flipped code of x. */
MCE_INLINE uint32_t mce_rescaled(const mce_rescaler *by, uint32_t code, int32_t packed)
{
    const int32_t v = (int32_t)(code * (uint32_t)by->factor + (uint32_t)by->offset);
    const int32_t y = mce_smmlar(v, by->m, by->zero);
    return packed ? mce_usat4(y) : mce_usat8(y);
}

/* Four codes of y for four of x at the lower end of v. */
MCE_INLINE uint32_t mce_rescaled_four(const mce_rescaler *by, uint32_t v, int32_t x_packed, int32_t y_packed)
{
    const uint32_t from = x_packed ? 4 : 8, to = y_packed ? 4 : 8, mask = x_packed ? 0x0Fu : 0xFFu;
    uint32_t y = mce_rescaled(by, v & mask, y_packed);
    y |= mce_rescaled(by, v >> from & mask, y_packed) << to;
    y |= mce_rescaled(by, v >> 2 * from & mask, y_packed) << 2 * to;
    return y | mce_rescaled(by, v >> 3 * from & mask, y_packed) << 3 * to;
}

/* y[to..] = x[from..], n of them, one by one. */
MCE_SHARED void mce_rescale_few(const mce_rescaler *by, const uint8_t *x, int32_t from, uint8_t *y, int32_t to,
                                int32_t n)
{
    const int32_t x_packed = mce_is_packed(by->x_type), y_packed = mce_is_packed(by->y_type);
    const uint32_t x_flip = by->x_flip & (x_packed ? 0x0Fu : 0xFFu);
    for (; n > 0; n--, from++, to++) {
        const uint32_t code = (uint32_t)(x_packed ? x[from >> 1] >> (from & 1) * 4 & 0x0F : x[from]) ^ x_flip;
        mce_store_any(by->y_type, y, to, by->total, (int32_t)(mce_rescaled(by, code, y_packed) ^ (by->y_flip & 0xFFu)));
    }
}

/* The same from whole bytes to whole bytes, as many as there are fours; returns how many. odd: x's first element is the
 * upper half of a byte. */
MCE_INLINE int32_t mce_rescale_fours(const mce_rescaler *by, int32_t x_packed, int32_t y_packed, int32_t odd,
                                     const uint8_t *x, uint8_t *y, int32_t n)
{
    const uint32_t x_flip = by->x_flip, y_flip = by->y_flip;
    int32_t left = n;
    for (; left >= 8; left -= 8) {
        uint32_t v = *(const mce_word_any *)x, next;
        if (x_packed) {
            if (odd) {
                v = v >> 4 | (uint32_t)x[4] << 28;
            }
            v ^= x_flip;
            next = v >> 16;
            x += 4;
        } else {
            v ^= x_flip;
            next = *(const mce_word_any *)(x + 4) ^ x_flip;
            x += 8;
        }
        const uint32_t first = mce_rescaled_four(by, v, x_packed, y_packed);
        const uint32_t second = mce_rescaled_four(by, next, x_packed, y_packed);
        if (y_packed) {
            *(mce_word_any *)y = (first | second << 16) ^ y_flip;
            y += 4;
        } else {
            *(mce_word_any *)y = first ^ y_flip;
            *(mce_word_any *)(y + 4) = second ^ y_flip;
            y += 8;
        }
    }
    if (left >= 4) {
        uint32_t v = x_packed ? *(const mce_half_any *)x : *(const mce_word_any *)x;
        if (x_packed && odd) {
            v = v >> 4 | (uint32_t)x[2] << 12;
        }
        const uint32_t four = mce_rescaled_four(by, v ^ x_flip, x_packed, y_packed) ^ y_flip;
        if (y_packed) {
            *(mce_half_any *)y = (uint16_t)four;
        } else {
            *(mce_word_any *)y = four;
        }
        left -= 4;
    }
    return n - left;
}

/* y[i] = x[i], n bytes; y may be x. */
MCE_INLINE void mce_copy_bytes(const uint8_t *x, uint8_t *y, int32_t n)
{
    for (; n >= 8; n -= 8, x += 8, y += 8) {
        const uint32_t first = *(const mce_word_any *)x, second = *(const mce_word_any *)(x + 4);
        *(mce_word_any *)y = first;
        *(mce_word_any *)(y + 4) = second;
    }
    for (; n > 0; n--) {
        *y++ = *x++;
    }
}

/* Rows of `block` elements of x, one behind the other, to places offset, offset + stride, ... of y. */
typedef struct mce_row_places {
    int32_t block, stride, offset;
} mce_row_places;

MCE_INLINE void mce_rescale_rows(const mce_rescaler *of, int32_t x_packed, int32_t y_packed, const mce_row_places *rows,
                                 const uint8_t *x, uint8_t *y)
{
    const mce_rescaler by = *of;
    const int32_t block = rows->block;
    int32_t from = 0;
    for (int32_t to = rows->offset; to < by.total; to += rows->stride, from += block) {
        int32_t i = ((y_packed ? to : x_packed ? from : 0) & 1) != 0 ? 1 : 0; /* to a whole byte of y, or else of x */
        if (i != 0) {
            mce_rescale_few(of, x, from, y, to, 1);
        }
        const int32_t at = from + i;
        i += mce_rescale_fours(&by, x_packed, y_packed, y_packed ? at & 1 : 0, x + mce_pair_bytes(x_packed, at),
                               y + mce_pair_bytes(y_packed, to + i), block - i);
        if (i < block) {
            mce_rescale_few(of, x, from + i, y, to + i, block - i);
        }
    }
}

typedef void mce_rescale_types(const mce_rescaler *by, const mce_row_places *rows, const uint8_t *x, uint8_t *y);

MCE_SHARED void mce_rescale_4_to_4(const mce_rescaler *by, const mce_row_places *rows, const uint8_t *x, uint8_t *y)
{ mce_rescale_rows(by, 1, 1, rows, x, y); }
MCE_SHARED void mce_rescale_4_to_8(const mce_rescaler *by, const mce_row_places *rows, const uint8_t *x, uint8_t *y)
{ mce_rescale_rows(by, 1, 0, rows, x, y); }
MCE_SHARED void mce_rescale_8_to_4(const mce_rescaler *by, const mce_row_places *rows, const uint8_t *x, uint8_t *y)
{ mce_rescale_rows(by, 0, 1, rows, x, y); }
MCE_SHARED void mce_rescale_8_to_8(const mce_rescaler *by, const mce_row_places *rows, const uint8_t *x, uint8_t *y)
{ mce_rescale_rows(by, 0, 0, rows, x, y); }

/* y may be x if that is one row and both have as many bits an element. */
MCE_INLINE void mce_rescale_all(const mce_rescaler *by, const mce_row_places *rows, const uint8_t *x, uint8_t *y)
{
    const int32_t x_packed = mce_is_packed(by->x_type), y_packed = mce_is_packed(by->y_type);
    if (by->same && (x_packed == 0 || ((rows->block | rows->stride | rows->offset) & 1) == 0)) {
        const int32_t bytes = mce_pair_bytes(x_packed, rows->block), end = mce_pair_bytes(x_packed, by->total);
        for (int32_t to = mce_pair_bytes(x_packed, rows->offset); to < end;
             to += mce_pair_bytes(x_packed, rows->stride)) {
            mce_copy_bytes(x, y + to, bytes);
            x += bytes;
        }
        return;
    }
    mce_rescale_types *const rescale = x_packed   ? y_packed ? mce_rescale_4_to_4 : mce_rescale_4_to_8
                                       : y_packed ? mce_rescale_8_to_4
                                                  : mce_rescale_8_to_8;
    rescale(by, rows, x, y);
}

#endif
