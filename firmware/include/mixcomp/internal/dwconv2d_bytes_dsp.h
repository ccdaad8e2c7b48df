/* The body of mce_dwconv2d_<u8|s8>_<weight>_3x3s<sh>__dsp; type, bits of a code and sh are constants in each of them.
 *
 * A word of x holds four channels of a pixel, lane pair j the channels j and j + 2. Two rows of outputs, p and q below it,
 * run at once, on columns of the x words that both need: [width][3 + sh]. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_BYTES_DSP_H
#define MIXCOMP_INTERNAL_DWCONV2D_BYTES_DSP_H

#include "mixcomp/internal/dwconv2d_taps_dsp.h"

/* Accumulators of two channels, low and high lane, in rows p and q. */
typedef struct mce_dw_acc {
    int32_t low_p, low_q, high_p, high_q;
} mce_dw_acc;

#if MCE_DSP_LOOPS
/* The three taps of a column, [x] -> r0 to r2 (row p) and rows sh below (row q). lane(r) makes a lane pair of a word. */
#define MCE_DW_X4 "ldrd %[r0], %[r1], [%[x]], #8\n\tldrd %[r2], %[r3], [%[x]], #8\n\t"
#define MCE_DW_X5 MCE_DW_X4 "ldr %[r4], [%[x]], #4\n\t"
#define MCE_DW_W "ldr %[w0], [%[w]], #4\n\t"
#define MCE_DW_TAP(row, x)                                                                                             \
    "smlabb %[l" row "], %[" x "], %[w0], %[l" row "]\n\tsmlatt %[h" row "], %[" x "], %[w0], %[h" row "]\n\t"
#define MCE_DW_BYTES_1(lane)                                                                                           \
    MCE_DW_X4 lane("r0") lane("r1") lane("r2") lane("r3") MCE_DW_W MCE_DW_TAP("p", "r0") MCE_DW_TAP("q", "r1")         \
        MCE_DW_W MCE_DW_TAP("p", "r1") MCE_DW_TAP("q", "r2") MCE_DW_W MCE_DW_TAP("p", "r2") MCE_DW_TAP("q", "r3")
#define MCE_DW_BYTES_2(lane)                                                                                           \
    MCE_DW_X5 lane("r0") lane("r1") lane("r2") lane("r3") lane("r4") MCE_DW_W MCE_DW_TAP("p", "r0")                    \
        MCE_DW_TAP("q", "r2") MCE_DW_W MCE_DW_TAP("p", "r1") MCE_DW_TAP("q", "r3") MCE_DW_W MCE_DW_TAP("p", "r2")      \
            MCE_DW_TAP("q", "r4")
#define MCE_DW_U8_0(r) "uxtb16 %[" r "], %[" r "]\n\t"
#define MCE_DW_U8_1(r) "uxtb16 %[" r "], %[" r "], ror #8\n\t"
#define MCE_DW_S8_0(r) "sxtb16 %[" r "], %[" r "]\n\t"
#define MCE_DW_S8_1(r) "sxtb16 %[" r "], %[" r "], ror #8\n\t"
#define MCE_DW_BYTES(code)                                                                                             \
    __asm__(code                                                                                                       \
            : [lp] "+r"(lp), [hp] "+r"(hp), [lq] "+r"(lq), [hq] "+r"(hq), [x] "+r"(x), [w] "+r"(w), [r0] "=&r"(r0),    \
              [r1] "=&r"(r1), [r2] "=&r"(r2), [r3] "=&r"(r3), [r4] "=&r"(r4), [w0] "=&r"(w0)                           \
            :                                                                                                          \
            : "memory")
#define MCE_DW_TWO(step, type, j)                                                                                      \
    if (type == MCE_U8 && j == 0) {                                                                                    \
        MCE_DW_BYTES(step(MCE_DW_U8_0) step(MCE_DW_U8_0) step(MCE_DW_U8_0));                                           \
    } else if (type == MCE_U8) {                                                                                       \
        MCE_DW_BYTES(step(MCE_DW_U8_1) step(MCE_DW_U8_1) step(MCE_DW_U8_1));                                           \
    } else if (j == 0) {                                                                                               \
        MCE_DW_BYTES(step(MCE_DW_S8_0) step(MCE_DW_S8_0) step(MCE_DW_S8_0));                                           \
    } else {                                                                                                           \
        MCE_DW_BYTES(step(MCE_DW_S8_1) step(MCE_DW_S8_1) step(MCE_DW_S8_1));                                           \
    }
#else
MCE_INLINE uint32_t mce_dw_lanes(mce_type type, uint32_t v, int32_t j)
{ return type == MCE_S8 ? mce_sxtb16(v >> 8 * j) : mce_uxtb16(v >> 8 * j); }
#endif

/* Nine taps of lane pair j. x: [3][3 + sh], w: [3 columns][3 rows]; type, sh (1 or 2) and j are constants. */
MCE_INLINE mce_dw_acc mce_dw_sum(mce_type type, int32_t sh, const mce_word *x, const mce_word *w, int32_t j)
{
    int32_t lp = 0, hp = 0, lq = 0, hq = 0;
#if MCE_DSP_LOOPS
    uint32_t r0, r1, r2, r3, r4, w0;
    if (sh == 1) {
        MCE_DW_TWO(MCE_DW_BYTES_1, type, j)
    } else {
        MCE_DW_TWO(MCE_DW_BYTES_2, type, j)
    }
#else
    for (int32_t t = 0; t < MCE_DW_TAPS; t++) {
        const mce_word *const at = x + t / 3 * (3 + sh) + t % 3;
        const uint32_t p = mce_dw_lanes(type, at[0], j), q = mce_dw_lanes(type, at[sh], j);
        lp = mce_smlabb(p, w[t], lp);
        hp = mce_smlatt(p, w[t], hp);
        lq = mce_smlabb(q, w[t], lq);
        hq = mce_smlatt(q, w[t], hq);
    }
#endif
    const mce_dw_acc acc = {lp, lq, hp, hq};
    return acc;
}

/* How the channels of a word end. */
typedef struct mce_dw_sink {
    int32_t shift;
    int32_t zero;                 /* in offset binary */
    const int32_t (*channels)[2]; /* bias and multiplier of each */
} mce_dw_sink;

/* An output in offset binary, 0..255. */
MCE_INLINE uint32_t mce_dw_output(const mce_dw_sink *s, int32_t acc, int32_t bias, int32_t m)
{ return mce_usat8(mce_smmlar((int32_t)((uint32_t)(acc + bias) << s->shift), m, s->zero)); }

/* Channel c of a pixel in rows p and q: its place in their words. */
MCE_INLINE void mce_dw_end(const mce_dw_sink *s, int32_t c, int32_t acc_p, int32_t acc_q, uint32_t *p, uint32_t *q)
{
    const int32_t bias = s->channels[c][0], m = s->channels[c][1];
    *p |= mce_dw_output(s, acc_p, bias, m) << 8 * c;
    *q |= mce_dw_output(s, acc_q, bias, m) << 8 * c;
}

MCE_INLINE void mce_dw_pair(mce_type type, int32_t sh, const mce_word *x, const mce_word *w, int32_t j,
                            const mce_dw_sink *s, uint32_t *p, uint32_t *q)
{
    const mce_dw_acc acc = mce_dw_sum(type, sh, x, w + j * MCE_DW_TAPS, j);
    mce_dw_end(s, j, acc.low_p, acc.low_q, p, q);
    mce_dw_end(s, j + 2, acc.high_p, acc.high_q, p, q);
}

/* The columns of x words that two rows of outputs need, from row `row` on: plane [width][rows]. */
MCE_INLINE void mce_dw_plane(const mce_conv2d *p, const uint8_t *x, uint32_t zero, int32_t row, int32_t rows,
                             int32_t width, mce_word *plane)
{
    const int32_t left = p->window.left, pixel_bytes = p->x.c, line = p->x.w * pixel_bytes;
    const int32_t present = p->x.w < width - left ? p->x.w : width - left;
    for (int32_t i = 0; i < left * rows; i++) {
        *plane++ = zero;
    }
    if (row >= 0 && row + rows <= p->x.h) {
        const uint8_t *from = x + row * line;
        for (int32_t k = 0; k < present; k++, from += pixel_bytes, plane += rows) {
            const uint8_t *const third = from + 2 * line;
            plane[0] = *(const mce_word_any *)from;
            plane[1] = *(const mce_word_any *)(from + line);
            plane[2] = *(const mce_word_any *)third;
            plane[3] = *(const mce_word_any *)(third + line);
            if (rows == 5) {
                plane[4] = *(const mce_word_any *)(third + 2 * line);
            }
        }
    } else {
        for (int32_t i = 0; i < rows; i++) {
            const int32_t h = row + i;
            const uint8_t *from = x + h * line;
            if (mce_inside(h, p->x.h)) {
                for (int32_t k = 0; k < present; k++, from += pixel_bytes) {
                    plane[k * rows + i] = *(const mce_word_any *)from;
                }
            } else {
                for (int32_t k = 0; k < present; k++) {
                    plane[k * rows + i] = zero;
                }
            }
        }
        plane += present * rows;
    }
    for (int32_t i = (width - left - present) * rows; i > 0; i--) {
        *plane++ = zero;
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, no dilation, sh 1 or 2, y.c = x.c, y as wide as x  SPEC.md 4.2
 * codes: packing dw3x3, [words][9] of 16 bits with taps column by column, a nibble a channel; of 8 bits: packing byte_3x3,
 * words of 32 bits. scratch: [2][9] lane pairs of levels, then the plane [(y.w - 1)*sw + 3][3 + sh].
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31. */
MCE_INLINE void mce_dwconv2d_bytes_dsp(mce_type type, int32_t bits, int32_t sh, const mce_conv2d *p, const uint8_t *x,
                                       uint8_t *y, mce_scratch *scratch)
{
    const int32_t rows = 3 + sh, width = (p->y.w - 1) * p->window.sw + 3, pixel_bytes = p->x.c;
    const int16_t *const level = (const int16_t *)p->levels;
    const mce_word *wide = (const mce_word *)p->codes;
    const uint16_t *narrow = (const uint16_t *)p->codes;
    mce_word *const w = (mce_word *)(void *)scratch, *const plane = w + 2 * MCE_DW_TAPS;
    const uint32_t zero = ((uint32_t)p->x.zero & 0xFFu) * 0x01010101u;
    const int32_t *bias = p->bias, *m = p->requant.multiplier, m_step = p->requant.per_channel != 0 ? 1 : 0;
    const uint32_t y_flip = p->y.type == MCE_S8 ? 0x80808080u : 0;
    int32_t ends[4][2];
    const mce_dw_sink sink = {p->requant.shift, p->y.zero + mce_offset_binary(p->y.type), (const int32_t (*)[2])ends};
    for (int32_t c = 0; c < p->x.c; c += 4, wide += MCE_DW_TAPS, narrow += MCE_DW_TAPS) {
        uint8_t *to = y + c;
        for (int32_t i = 0; i < 4; i++, bias++, m += m_step) {
            ends[i][0] = *bias;
            ends[i][1] = *m;
        }
        for (int32_t t = 0; t < MCE_DW_TAPS; t++) {
            if (bits == 8) {
                w[t] = mce_sxtb16(wide[t]);
                w[MCE_DW_TAPS + t] = mce_sxtb16_odd(wide[t]);
            } else {
                const uint32_t four = narrow[t];
                mce_dw_lanes_of((four & 0xFFu) | (four & 0xFF00u) << 8, 2, level, MCE_DW_TAPS, w + t);
            }
        }
        for (int32_t h = 0; h < p->y.h; h += 2) {
            const mce_word *from = plane;
            uint8_t *below = to + p->y.w * pixel_bytes;
            mce_dw_plane(p, x + c, zero, h * sh - p->window.top, rows, width, plane);
            const int32_t both = h + 1 < p->y.h;
            for (int32_t v = 0; v < p->y.w; v++, from += p->window.sw * rows, to += pixel_bytes, below += pixel_bytes) {
                uint32_t above_word = 0, below_word = 0;
                mce_dw_pair(type, sh, from, w, 0, &sink, &above_word, &below_word);
                mce_dw_pair(type, sh, from, w, 1, &sink, &above_word, &below_word);
                *(mce_word_any *)to = above_word ^ y_flip;
                if (both) {
                    *(mce_word_any *)below = below_word ^ y_flip;
                }
            }
            to = below;
        }
    }
}

#endif
