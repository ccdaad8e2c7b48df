/* The body of mce_dwconv2d_3x3_<act>_w4__dsp; type is a constant in each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_DSP_H
#define MIXCOMP_INTERNAL_DWCONV2D_DSP_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"

/* A word of x holds the channels of one pixel that are computed together: 8 packed ones or 4 bytes. Two rows of outputs,
 * p and q below it, run at once, on columns of the x words that both need: [width][3 + sh].
 *
 * Packed: x_p + 2048 * x_q is one halfword, so a product with w does a multiply-accumulate for either row. It is exact:
 * the low sum fits in 11 bits, -1024 <= S_p <= 1023 for all x 0..15 (plan/packing.py proves it), the rest is S_q. */

enum { MCE_DW_TAPS = 9 };

/* Lane pair j of a word: packed channels j and j + 4, j < 4; bytes j and j + 2, j < 2. j is a constant. */
MCE_INLINE uint32_t mce_dw_lanes(mce_type type, uint32_t v, int32_t j)
{
    if (mce_is_packed(type)) {
        return j == 0   ? v & 0x000F000Fu
               : j == 1 ? mce_masked4(v, 0x000F000Fu)
               : j == 2 ? mce_masked8(v, 0x000F000Fu)
                        : mce_masked12(v, 0x000F000Fu);
    }
    if (type == MCE_S8) {
        return j == 0 ? mce_sxtb16(v) : mce_sxtb16_odd(v);
    }
    return j == 0 ? mce_uxtb16(v) : mce_uxtb16_odd(v);
}

/* Accumulators of two channels, low and high lane, in rows p and q. */
typedef struct mce_dw_acc {
    int32_t low_p, low_q, high_p, high_q;
} mce_dw_acc;

/* Nine taps of lane pair j. x: [3][3 + sh], w: [3 columns][3 rows][lane pairs]; sh is a constant, 1 or 2. */
MCE_INLINE mce_dw_acc mce_dw_sum(mce_type type, int32_t sh, const mce_word *x, const mce_word *w, int32_t j)
{
    const int32_t packed = mce_is_packed(type), pairs = packed ? 4 : 2;
    mce_dw_acc acc = {0, 0, 0, 0};
    for (int32_t column = 0; column < 3; column++, x += 3 + sh, w += 3 * pairs) {
        const uint32_t r0 = mce_dw_lanes(type, x[0], j), r1 = mce_dw_lanes(type, x[1], j);
        const uint32_t r2 = mce_dw_lanes(type, x[2], j), r3 = mce_dw_lanes(type, x[3], j);
        const uint32_t r4 = sh == 2 ? mce_dw_lanes(type, x[4], j) : 0;
        const uint32_t q0 = sh == 1 ? r1 : r2, q1 = sh == 1 ? r2 : r3, q2 = sh == 1 ? r3 : r4;
        const uint32_t w0 = w[j], w1 = w[pairs + j], w2 = w[2 * pairs + j];
        if (packed) {
            const uint32_t l0 = r0 + (q0 << 11), l1 = r1 + (q1 << 11), l2 = r2 + (q2 << 11);
            acc.low_p = mce_smlabb(l2, w2, mce_smlabb(l1, w1, mce_smlabb(l0, w0, acc.low_p)));
            acc.high_p = mce_smlatt(l2, w2, mce_smlatt(l1, w1, mce_smlatt(l0, w0, acc.high_p)));
        } else {
            acc.low_p = mce_smlabb(r2, w2, mce_smlabb(r1, w1, mce_smlabb(r0, w0, acc.low_p)));
            acc.low_q = mce_smlabb(q2, w2, mce_smlabb(q1, w1, mce_smlabb(q0, w0, acc.low_q)));
            acc.high_p = mce_smlatt(r2, w2, mce_smlatt(r1, w1, mce_smlatt(r0, w0, acc.high_p)));
            acc.high_q = mce_smlatt(q2, w2, mce_smlatt(q1, w1, mce_smlatt(q0, w0, acc.high_q)));
        }
    }
    if (packed) { /* S_p + 2048 * S_q */
        const int32_t low = (int32_t)((uint32_t)acc.low_p << 21) >> 21;
        const int32_t high = (int32_t)((uint32_t)acc.high_p << 21) >> 21;
        acc.low_q = (acc.low_p - low) >> 11;
        acc.high_q = (acc.high_p - high) >> 11;
        acc.low_p = low;
        acc.high_p = high;
    }
    return acc;
}

/* Where the outputs of a word of channels go. */
typedef struct mce_dw_sink {
    const int32_t *bias, *multiplier; /* of its first channel */
    int32_t per_channel, shift;
    int32_t zero; /* in offset binary */
} mce_dw_sink;

/* An output in offset binary, 0..15 or 0..255. c: the channel within the word */
MCE_INLINE uint32_t mce_dw_output(int32_t packed, const mce_dw_sink *s, int32_t acc, int32_t c)
{
    const int32_t scaled = (int32_t)((uint32_t)(acc + s->bias[c]) << s->shift);
    const int32_t v = mce_smmlar(scaled, s->multiplier[c * s->per_channel], s->zero);
    return packed ? mce_usat4(v) : mce_usat8(v);
}

/* Outputs of one pixel as they gather: bits 0..31 of 4-bit channels; of bytes, channels 0 to 3 and 4 to 7. */
typedef struct mce_dw_word {
    uint32_t low, high;
} mce_dw_word;

MCE_INLINE void mce_dw_put(int32_t packed, mce_dw_word *y, uint32_t v, int32_t c)
{
    if (packed) {
        y->low |= v << 4 * c;
    } else if (c < 4) {
        y->low |= v << 8 * c;
    } else {
        y->high |= v << 8 * (c - 4);
    }
}

/* One pixel of rows p and q: all channels of a word. y_packed is a constant. */
MCE_INLINE void mce_dw_pixel(mce_type type, int32_t sh, int32_t y_packed, const mce_word *x, const mce_word *w,
                             const mce_dw_sink *s, mce_dw_word *p, mce_dw_word *q)
{
    const int32_t pairs = mce_is_packed(type) ? 4 : 2;
#define MCE_DW_PAIR(j)                                                                                                 \
    if (j < pairs) {                                                                                                   \
        const mce_dw_acc acc = mce_dw_sum(type, sh, x, w, j);                                                          \
        mce_dw_put(y_packed, p, mce_dw_output(y_packed, s, acc.low_p, j), j);                                          \
        mce_dw_put(y_packed, q, mce_dw_output(y_packed, s, acc.low_q, j), j);                                          \
        mce_dw_put(y_packed, p, mce_dw_output(y_packed, s, acc.high_p, j + pairs), j + pairs);                         \
        mce_dw_put(y_packed, q, mce_dw_output(y_packed, s, acc.high_q, j + pairs), j + pairs);                         \
    }
    MCE_DW_PAIR(0)
    MCE_DW_PAIR(1)
    MCE_DW_PAIR(2)
    MCE_DW_PAIR(3)
#undef MCE_DW_PAIR
}

/* The columns of x words that two rows of outputs need, from row `row` on: plane [width][rows]. */
MCE_INLINE void mce_dw_plane(const mce_conv2d *p, const uint8_t *x, int32_t channel_bytes, int32_t pixel_bytes,
                             uint32_t zero, int32_t row, int32_t rows, int32_t width, mce_word *plane)
{
    for (int32_t i = 0; i < rows; i++) {
        const int32_t h = row + i, before = p->window.left;
        mce_word *to = plane + i;
        const int32_t present = mce_inside(h, p->x.h) ? (p->x.w < width - before ? p->x.w : width - before) : 0;
        const uint8_t *from = x + h * p->x.w * pixel_bytes + channel_bytes;
        for (int32_t k = present != 0 ? before : 0; k > 0; k--, to += rows) {
            *to = zero;
        }
        for (int32_t k = present; k > 0; k--, to += rows, from += pixel_bytes) {
            *to = *(const mce_word_any *)from;
        }
        for (const mce_word *const end = plane + i + width * rows; to < end; to += rows) {
            *to = zero;
        }
    }
}

/* Stores the outputs of pixel `at` (in elements). */
MCE_INLINE void mce_dw_store(int32_t words, const mce_tensor *to, uint8_t *y, int32_t at, const mce_dw_word *v)
{
    if (mce_is_packed(to->type)) {
        const uint32_t packed = to->type == MCE_S4 ? v->low ^ 0x88888888u : v->low;
        if (words == 2) {
            *(mce_word_any *)(y + (at >> 1)) = packed;
        } else {
            y[at >> 1] = (uint8_t)packed;
            y[(at >> 1) + 1] = (uint8_t)(packed >> 8);
        }
        return;
    }
    const uint32_t flip = to->type == MCE_S8 ? 0x80808080u : 0;
    *(mce_word_any *)(y + at) = v->low ^ flip;
    if (words == 2) {
        *(mce_word_any *)(y + at + 4) = v->high ^ flip;
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, no dilation, sh 1 or 2, y.c = x.c              SPEC.md 4.2
 * codes: packing dw3x3, [words][9] with taps column by column, one nibble a channel. scratch: [9 * pairs] lanes of
 * levels, then the plane [(y.w - 1)*sw + 3][3 + sh]. (|bias| + sum |level| * max|x|) * 2^s < 2^31. */
MCE_INLINE void mce_dwconv2d_dsp(mce_type type, const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{
    const int32_t packed = mce_is_packed(type), pairs = packed ? 4 : 2, channels = 2 * pairs;
    const int32_t sh = p->window.sh, rows = 3 + sh, width = (p->y.w - 1) * p->window.sw + 3;
    const int32_t pixel_bytes = packed ? p->x.c >> 1 : p->x.c, y_packed = mce_is_packed(p->y.type);
    const int16_t *const level = (const int16_t *)p->levels;
    const mce_word *codes = (const mce_word *)p->codes;
    mce_word *const w = (mce_word *)(void *)scratch, *const plane = w + MCE_DW_TAPS * pairs;
    const uint32_t fill = (uint32_t)p->x.zero & (packed ? 0x0Fu : 0xFFu);
    const uint32_t zero = fill * (packed ? 0x11111111u : 0x01010101u);
    for (int32_t c = 0; c < p->x.c; c += channels) {
        const int32_t per_channel = p->requant.per_channel;
        const mce_dw_sink sink = {p->bias + c, p->requant.multiplier + c * per_channel, per_channel, p->requant.shift,
                                  p->y.zero + -mce_type_min(p->y.type)};
        for (int32_t t = 0; t < MCE_DW_TAPS; t++) {
            for (int32_t j = 0; j < pairs; j++) {
                const uint32_t low = (uint32_t)level[codes[t] >> 4 * j & 0x0Fu];
                const uint32_t high = (uint32_t)level[codes[t] >> 4 * (j + pairs) & 0x0Fu];
                w[t * pairs + j] = (low & 0xFFFFu) | high << 16;
            }
        }
        codes += MCE_DW_TAPS;
        for (int32_t h = 0; h < p->y.h; h += 2) {
            const mce_word *from = plane;
            int32_t at = h * p->y.w * p->y.c + c;
            mce_dw_plane(p, x, packed ? c >> 1 : c, pixel_bytes, zero, h * sh - p->window.top, rows, width, plane);
            if (type == MCE_S4) {
                for (int32_t k = 0; k < width * rows; k++) {
                    plane[k] ^= 0x88888888u;
                }
            }
            for (int32_t v = 0; v < p->y.w; v++, at += p->y.c, from += p->window.sw * rows) {
                mce_dw_word above = {0, 0}, below = {0, 0};
                if (sh == 1 && y_packed) {
                    mce_dw_pixel(type, 1, 1, from, w, &sink, &above, &below);
                } else if (sh == 1) {
                    mce_dw_pixel(type, 1, 0, from, w, &sink, &above, &below);
                } else if (y_packed) {
                    mce_dw_pixel(type, 2, 1, from, w, &sink, &above, &below);
                } else {
                    mce_dw_pixel(type, 2, 0, from, w, &sink, &above, &below);
                }
                mce_dw_store(packed ? 2 : 1, &p->y, y, at, &above);
                if (h + 1 < p->y.h) {
                    mce_dw_store(packed ? 2 : 1, &p->y, y, at + p->y.w * p->y.c, &below);
                }
            }
        }
    }
}

#endif
