/* The body of mce_dwconv2d_<act>_<weight>_3x3s<sh>__dsp; type and bits of a code are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_DSP_H
#define MIXCOMP_INTERNAL_DWCONV2D_DSP_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"

/* A word of x holds the channels of one pixel that are computed together: 8 packed ones or 4 bytes. Two rows of outputs,
 * p and q below it, run at once, on columns of the x words that both need: [width][3 + sh].
 *
 * Packed: x_p + 2048 * x_q is one halfword, so a product with w does a multiply-accumulate for either row. It is exact:
 * the low sum fits in 11 bits, -1024 <= S_p <= 1023 for all x 0..15 (plan/packing proves it), the rest is S_q. */

enum { MCE_DW_TAPS = 9 };

/* Accumulators of two channels, low and high lane, in rows p and q; packed: low_p and high_p are S_p + 2048 * S_q. */
typedef struct mce_dw_acc {
    int32_t low_p, low_q, high_p, high_q;
} mce_dw_acc;

#if defined(__ARM_FEATURE_DSP)
/* The three taps of a column, [x] -> r0 to r2 (row p) and rows sh below (row q). lane(r) makes a lane pair of a word. */
#define MCE_DW_X4 "ldrd %[r0], %[r1], [%[x]], #8\n\tldrd %[r2], %[r3], [%[x]], #8\n\t"
#define MCE_DW_X5 MCE_DW_X4 "ldr %[r4], [%[x]], #4\n\t"
#define MCE_DW_W "ldr %[w0], [%[w]], #4\n\t"
#define MCE_DW_ADD(p, q) "add %[" p "], %[" p "], %[" q "], lsl #11\n\t"
#define MCE_DW_TAP(row, x)                                                                                             \
    "smlabb %[l" row "], %[" x "], %[w0], %[l" row "]\n\tsmlatt %[h" row "], %[" x "], %[w0], %[h" row "]\n\t"
#define MCE_DW_TAP3(row, x) /* the second of two weights, in r3 */                                                     \
    "smlabb %[l" row "], %[" x "], %[r3], %[l" row "]\n\tsmlatt %[h" row "], %[" x "], %[r3], %[h" row "]\n\t"
#define MCE_DW_PACKED_TAPS                                                                                             \
    "ldrd %[w0], %[r3], [%[w]], #8\n\t" MCE_DW_TAP("p", "r0") MCE_DW_TAP3("p", "r1") MCE_DW_W MCE_DW_TAP("p", "r2")
#define MCE_DW_PACKED_1(lane)                                                                                          \
    MCE_DW_X4 lane("r0") lane("r1") lane("r2") lane("r3") MCE_DW_ADD("r0", "r1") MCE_DW_ADD("r1", "r2")                \
        MCE_DW_ADD("r2", "r3") MCE_DW_PACKED_TAPS
#define MCE_DW_PACKED_2(lane)                                                                                          \
    MCE_DW_X5 lane("r0") lane("r1") lane("r2") lane("r3") lane("r4") MCE_DW_ADD("r0", "r2") MCE_DW_ADD("r1", "r3")     \
        MCE_DW_ADD("r2", "r4") MCE_DW_PACKED_TAPS
#define MCE_DW_BYTES_1(lane)                                                                                           \
    MCE_DW_X4 lane("r0") lane("r1") lane("r2") lane("r3") MCE_DW_W MCE_DW_TAP("p", "r0") MCE_DW_TAP("q", "r1")         \
        MCE_DW_W MCE_DW_TAP("p", "r1") MCE_DW_TAP("q", "r2") MCE_DW_W MCE_DW_TAP("p", "r2") MCE_DW_TAP("q", "r3")
#define MCE_DW_BYTES_2(lane)                                                                                           \
    MCE_DW_X5 lane("r0") lane("r1") lane("r2") lane("r3") lane("r4") MCE_DW_W MCE_DW_TAP("p", "r0")                    \
        MCE_DW_TAP("q", "r2") MCE_DW_W MCE_DW_TAP("p", "r1") MCE_DW_TAP("q", "r3") MCE_DW_W MCE_DW_TAP("p", "r2")      \
            MCE_DW_TAP("q", "r4")
#define MCE_DW_AND(r, shift) "and %[" r "], %[m], %[" r "]" shift "\n\t"
#define MCE_DW_AND0(r) MCE_DW_AND(r, "")
#define MCE_DW_AND1(r) MCE_DW_AND(r, ", lsr #4")
#define MCE_DW_AND2(r) MCE_DW_AND(r, ", lsr #8")
#define MCE_DW_AND3(r) MCE_DW_AND(r, ", lsr #12")
#define MCE_DW_U8_0(r) "uxtb16 %[" r "], %[" r "]\n\t"
#define MCE_DW_U8_1(r) "uxtb16 %[" r "], %[" r "], ror #8\n\t"
#define MCE_DW_S8_0(r) "sxtb16 %[" r "], %[" r "]\n\t"
#define MCE_DW_S8_1(r) "sxtb16 %[" r "], %[" r "], ror #8\n\t"
#define MCE_DW_PACKED(code)                                                                                            \
    __asm__(code                                                                                                       \
            : [lp] "+r"(lp), [hp] "+r"(hp), [x] "+r"(x), [w] "+r"(w), [r0] "=&r"(r0), [r1] "=&r"(r1), [r2] "=&r"(r2),  \
              [r3] "=&r"(r3), [r4] "=&r"(r4), [w0] "=&r"(w0)                                                           \
            : [m] "r"(0x000F000Fu)                                                                                     \
            : "memory")
#define MCE_DW_BYTES(code)                                                                                             \
    __asm__(code                                                                                                       \
            : [lp] "+r"(lp), [hp] "+r"(hp), [lq] "+r"(lq), [hq] "+r"(hq), [x] "+r"(x), [w] "+r"(w), [r0] "=&r"(r0),    \
              [r1] "=&r"(r1), [r2] "=&r"(r2), [r3] "=&r"(r3), [r4] "=&r"(r4), [w0] "=&r"(w0)                           \
            :                                                                                                          \
            : "memory")
#define MCE_DW_FOUR(step, j)                                                                                           \
    if (j == 0) {                                                                                                      \
        MCE_DW_PACKED(step(MCE_DW_AND0) step(MCE_DW_AND0) step(MCE_DW_AND0));                                          \
    } else if (j == 1) {                                                                                               \
        MCE_DW_PACKED(step(MCE_DW_AND1) step(MCE_DW_AND1) step(MCE_DW_AND1));                                          \
    } else if (j == 2) {                                                                                               \
        MCE_DW_PACKED(step(MCE_DW_AND2) step(MCE_DW_AND2) step(MCE_DW_AND2));                                          \
    } else {                                                                                                           \
        MCE_DW_PACKED(step(MCE_DW_AND3) step(MCE_DW_AND3) step(MCE_DW_AND3));                                          \
    }
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
/* Lane pair j of a word: packed channels j and j + 4, j < 4; bytes j and j + 2, j < 2. */
MCE_INLINE uint32_t mce_dw_lanes(mce_type type, uint32_t v, int32_t j)
{
    if (mce_is_packed(type)) {
        return v >> 4 * j & 0x000F000Fu;
    }
    return type == MCE_S8 ? mce_sxtb16(v >> 8 * j) : mce_uxtb16(v >> 8 * j);
}
#endif

/* Nine taps of lane pair j. x: [3][3 + sh], w: [3 columns][3 rows]; type, sh (1 or 2) and j are constants. */
MCE_INLINE mce_dw_acc mce_dw_sum(mce_type type, int32_t sh, const mce_word *x, const mce_word *w, int32_t j)
{
    int32_t lp = 0, hp = 0, lq = 0, hq = 0;
    const int32_t packed = mce_is_packed(type);
#if defined(__ARM_FEATURE_DSP)
    uint32_t r0, r1, r2, r3, r4, w0;
    if (packed && sh == 1) {
        MCE_DW_FOUR(MCE_DW_PACKED_1, j)
    } else if (packed) {
        MCE_DW_FOUR(MCE_DW_PACKED_2, j)
    } else if (sh == 1) {
        MCE_DW_TWO(MCE_DW_BYTES_1, type, j)
    } else {
        MCE_DW_TWO(MCE_DW_BYTES_2, type, j)
    }
#else
    for (int32_t t = 0; t < MCE_DW_TAPS; t++) {
        const mce_word *const at = x + t / 3 * (3 + sh) + t % 3;
        const uint32_t p = mce_dw_lanes(type, at[0], j), q = mce_dw_lanes(type, at[sh], j);
        lp = mce_smlabb(packed ? p + (q << 11) : p, w[t], lp);
        hp = mce_smlatt(packed ? p + (q << 11) : p, w[t], hp);
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

/* An output in offset binary, 0..15 or 0..255. */
MCE_INLINE uint32_t mce_dw_output(int32_t packed, const mce_dw_sink *s, int32_t acc, int32_t bias, int32_t m)
{
    const int32_t v = mce_smmlar((int32_t)((uint32_t)(acc + bias) << s->shift), m, s->zero);
    return packed ? mce_usat4(v) : mce_usat8(v);
}

/* Channel c of a pixel of bytes in rows p and q: its place in their words. */
MCE_INLINE void mce_dw_bytes_end(const mce_dw_sink *s, int32_t c, int32_t acc_p, int32_t acc_q, uint32_t *p,
                                 uint32_t *q)
{
    const int32_t bias = s->channels[c][0], m = s->channels[c][1];
    *p |= mce_dw_output(0, s, acc_p, bias, m) << 8 * c;
    *q |= mce_dw_output(0, s, acc_q, bias, m) << 8 * c;
}

/* The same with packed elements; acc holds both rows, c is a constant. */
MCE_INLINE void mce_dw_packed_end(const mce_dw_sink *s, int32_t c, int32_t acc, uint32_t *p, uint32_t *q)
{
#if defined(__ARM_FEATURE_DSP)
    int32_t low, bias, m;
    __asm__("ldrd %[b], %[m], [%[end], #%c[at]]\n\t"
            "sbfx %[l], %[a], #0, #11\n\t"
            "sub %[a], %[a], %[l]\n\t"
            "add %[l], %[l], %[b]\n\t"
            "add %[a], %[b], %[a], asr #11\n\t"
            "lsl %[l], %[l], %[s]\n\t"
            "lsl %[a], %[a], %[s]\n\t"
            "smmlar %[l], %[l], %[m], %[z]\n\t"
            "smmlar %[a], %[a], %[m], %[z]\n\t"
            "usat %[l], #4, %[l]\n\t"
            "usat %[a], #4, %[a]\n\t"
            "orr %[p], %[p], %[l], lsl #%c[place]\n\t"
            "orr %[q], %[q], %[a], lsl #%c[place]"
            : [p] "+r"(*p), [q] "+r"(*q), [a] "+r"(acc), [l] "=&r"(low), [b] "=&r"(bias), [m] "=&r"(m)
            : [end] "r"(s->channels), [s] "r"(s->shift), [z] "r"(s->zero), [at] "i"(8 * c), [place] "i"(4 * c)
            : "memory");
#else
    const int32_t low = (int32_t)((uint32_t)acc << 21) >> 21, bias = s->channels[c][0], m = s->channels[c][1];
    *p |= mce_dw_output(1, s, low, bias, m) << 4 * c;
    *q |= mce_dw_output(1, s, (acc - low) >> 11, bias, m) << 4 * c;
#endif
}

MCE_INLINE void mce_dw_pair(mce_type type, int32_t sh, const mce_word *x, const mce_word *w, int32_t j,
                            const mce_dw_sink *s, uint32_t *p, uint32_t *q)
{
    const mce_dw_acc acc = mce_dw_sum(type, sh, x, w + j * MCE_DW_TAPS, j);
    if (mce_is_packed(type)) {
        mce_dw_packed_end(s, j, acc.low_p, p, q);
        mce_dw_packed_end(s, j + 4, acc.high_p, p, q);
    } else {
        mce_dw_bytes_end(s, j, acc.low_p, acc.low_q, p, q);
        mce_dw_bytes_end(s, j + 2, acc.high_p, acc.high_q, p, q);
    }
}

/* One pixel of rows p and q: all channels of a word. */
MCE_INLINE void mce_dw_pixel(mce_type type, int32_t sh, const mce_word *x, const mce_word *w, const mce_dw_sink *s,
                             uint32_t *p, uint32_t *q)
{
    *p = *q = 0;
    mce_dw_pair(type, sh, x, w, 0, s, p, q);
    mce_dw_pair(type, sh, x, w, 1, s, p, q);
    if (mce_is_packed(type)) {
        mce_dw_pair(type, sh, x, w, 2, s, p, q);
        mce_dw_pair(type, sh, x, w, 3, s, p, q);
    }
}

/* The columns of x words that two rows of outputs need, from row `row` on: plane [width][rows]. */
MCE_INLINE void mce_dw_plane(const mce_conv2d *p, const uint8_t *x, int32_t channel_bytes, int32_t pixel_bytes,
                             uint32_t zero, int32_t row, int32_t rows, int32_t width, mce_word *plane)
{
    const int32_t left = p->window.left, line = p->x.w * pixel_bytes;
    const int32_t present = p->x.w < width - left ? p->x.w : width - left;
    for (int32_t i = 0; i < left * rows; i++) {
        *plane++ = zero;
    }
    if (row >= 0 && row + rows <= p->x.h) {
        const uint8_t *from = x + row * line + channel_bytes;
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
            const uint8_t *from = x + h * line + channel_bytes;
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

/* One tap of the channels of a word, codes of lane pair j in nibbles j and j + 4: levels to w[9*j]. Without a table a code is
 * its level plus 8; pairs is a constant. */
MCE_INLINE void mce_dw_lanes_of(uint32_t codes, int32_t pairs, const int16_t *level, mce_word *w)
{
    if (level == 0) {
        uint32_t mask = 0x000F000Fu, eight = 0x00080008u;
        MCE_IN_REGISTER(mask);
        MCE_IN_REGISTER(eight);
        w[0] = mce_ssub16(codes & mask, eight);
        w[MCE_DW_TAPS] = mce_ssub16(codes >> 4 & mask, eight);
        if (pairs == 4) {
            w[2 * MCE_DW_TAPS] = mce_ssub16(codes >> 8 & mask, eight);
            w[3 * MCE_DW_TAPS] = mce_ssub16(codes >> 12 & mask, eight);
        }
        return;
    }
    for (int32_t j = 0; j < pairs; j++, codes >>= 4, w += MCE_DW_TAPS) {
        *w = ((uint32_t)level[codes & 0x0Fu] & 0xFFFFu) | (uint32_t)level[codes >> 16 & 0x0Fu] << 16;
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, no dilation, sh 1 or 2, y.c = x.c, y as wide as x  SPEC.md 4.2
 * codes: packing dw3x3, [words][9] of 32 bits (packed x) or 16, with taps column by column, one nibble a channel. scratch: [pairs][9] lane pairs of
 * levels, then the plane [(y.w - 1)*sw + 3][3 + sh]. (|bias| + sum |level| * max|x|) * 2^s < 2^31.
 * 8 bits, with x in bytes: codes [words][9] of 32 bits, a byte a channel. type, bits and sh are constants in each
 * kernel. */
MCE_INLINE void mce_dwconv2d_dsp(mce_type type, int32_t bits, int32_t sh, const mce_conv2d *p, const uint8_t *x,
                                 uint8_t *y, mce_scratch *scratch)
{
    const int32_t packed = mce_is_packed(type), pairs = packed ? 4 : 2, channels = 2 * pairs;
    const int32_t rows = 3 + sh, width = (p->y.w - 1) * p->window.sw + 3, pixel_bytes = packed ? p->x.c >> 1 : p->x.c;
    const int16_t *const level = (const int16_t *)p->levels;
    const mce_word *wide = (const mce_word *)p->codes;
    const uint16_t *narrow = (const uint16_t *)p->codes;
    mce_word *const w = (mce_word *)(void *)scratch, *const plane = w + MCE_DW_TAPS * pairs;
    const uint32_t fill = (uint32_t)p->x.zero & (packed ? 0x0Fu : 0xFFu);
    const uint32_t zero = fill * (packed ? 0x11111111u : 0x01010101u), sign = packed ? 0x88888888u : 0x80808080u;
    const int32_t *bias = p->bias, *m = p->requant.multiplier, m_step = p->requant.per_channel != 0 ? 1 : 0;
    const uint32_t y_flip = p->y.type == MCE_S4 || p->y.type == MCE_S8 ? sign : 0;
    int32_t ends[8][2];
    const mce_dw_sink sink = {p->requant.shift, p->y.zero + mce_offset_binary(p->y.type), (const int32_t (*)[2])ends};
    for (int32_t c = 0; c < p->x.c; c += channels, wide += MCE_DW_TAPS, narrow += MCE_DW_TAPS) {
        const int32_t channel_bytes = packed ? c >> 1 : c;
        uint8_t *to = y + channel_bytes;
        for (int32_t i = 0; i < channels; i++, bias++, m += m_step) {
            ends[i][0] = *bias;
            ends[i][1] = *m;
        }
        for (int32_t t = 0; t < MCE_DW_TAPS; t++) {
            if (bits == 8) {
                w[t] = mce_sxtb16(wide[t]);
                w[MCE_DW_TAPS + t] = mce_sxtb16_odd(wide[t]);
            } else {
                const uint32_t four = packed ? 0 : narrow[t];
                mce_dw_lanes_of(packed ? wide[t] : (four & 0xFFu) | (four & 0xFF00u) << 8, pairs, level, w + t);
            }
        }
        for (int32_t h = 0; h < p->y.h; h += 2) {
            const mce_word *from = plane;
            uint8_t *below = to + p->y.w * pixel_bytes;
            mce_dw_plane(p, x, channel_bytes, pixel_bytes, zero, h * sh - p->window.top, rows, width, plane);
            if (type == MCE_S4) {
                for (int32_t k = 0; k < width * rows; k++) {
                    plane[k] ^= sign;
                }
            }
            const int32_t both = h + 1 < p->y.h;
            for (int32_t v = 0; v < p->y.w; v++, from += p->window.sw * rows, to += pixel_bytes, below += pixel_bytes) {
                uint32_t above_word, below_word;
                mce_dw_pixel(type, sh, from, w, &sink, &above_word, &below_word);
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
