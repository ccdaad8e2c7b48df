/* The body of mce_dwconv2d_<act>_<weight>_words__dsp: depthwise under any window, four channels at a time; type and bits of
 * a code are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_WORDS_DSP_H
#define MIXCOMP_INTERNAL_DWCONV2D_WORDS_DSP_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/dwconv2d.h"

/* Level of channel c under a tap, whose codes begin at `row`. */
MCE_INLINE int32_t mce_dw_level(int32_t bits, const int16_t *level, const uint8_t *row, int32_t c)
{ return bits == 8 ? (int8_t)row[c] : level[row[c >> 1] >> 4 * (c & 1) & 0x0F]; }

/* Four channels of a pixel at x as lanes: 0 and 2, 1 and 3, in offset binary. */
MCE_INLINE void mce_dw_four(mce_type type, const uint8_t *x, uint32_t mask, uint32_t *even, uint32_t *odd)
{
    if (mce_is_packed(type)) {
        const uint32_t v = *(const mce_half_any *)x ^ (type == MCE_S4 ? 0x8888u : 0), both = v | v << 8;
        *even = both & mask;
        *odd = both >> 4 & mask;
    } else {
        const uint32_t v = *(const mce_word_any *)x ^ (type == MCE_S8 ? 0x80808080u : 0);
        *even = mce_uxtb16(v);
        *odd = mce_uxtb16_odd(v);
    }
}

/* Sums of four channels. */
typedef struct mce_dw_sums {
    int32_t of[4];
} mce_dw_sums;

/* n taps, `step` bytes apart in x, whose weights begin at w. */
MCE_INLINE void mce_dw_words_row(mce_type type, const uint8_t *x, int32_t n, int32_t step, const mce_word *w,
                                 mce_dw_sums *sums)
{
    uint32_t mask = 0x000F000Fu;
    MCE_IN_REGISTER(mask);
    int32_t a = sums->of[0], b = sums->of[1], c = sums->of[2], d = sums->of[3];
    for (; n > 0; n--, x += step) {
        uint32_t even, odd, first, second;
        mce_dw_four(type, x, mask, &even, &odd);
        w = mce_load2(w, &first, &second);
        a = mce_smlabb(even, first, a);
        c = mce_smlatt(even, first, c);
        b = mce_smlabb(odd, second, b);
        d = mce_smlatt(odd, second, d);
    }
    sums->of[0] = a, sums->of[1] = b, sums->of[2] = c, sums->of[3] = d;
}

/* The same for a pixel whose window, at row and column, leaves x: `around` stands there. */
MCE_SHARED void mce_dw_edge(mce_type type, const mce_conv2d *p, const uint8_t *x, int32_t row, int32_t column,
                            const mce_word *w, uint32_t around, mce_dw_sums *sums)
{
    const mce_window *const k = &p->window;
    const uint8_t *const beyond = (const uint8_t *)(const void *)&around;
    const int32_t kw = k->kw, bytes = mce_pair_bytes(mce_is_packed(type), p->x.c);
    const mce_span inside = mce_taps_inside(column, k->dw, kw, p->x.w);
    for (int32_t i = 0; i < k->kh; i++, row += k->dh, w += 2 * kw) {
        if (mce_inside(row, p->x.h)) {
            const int32_t at = (row * p->x.w + column + inside.first * k->dw) * bytes;
            mce_dw_words_row(type, beyond, inside.first, 0, w, sums);
            mce_dw_words_row(type, x + at, inside.end - inside.first, k->dw * bytes, w + 2 * inside.first, sums);
            mce_dw_words_row(type, beyond, kw - inside.end, 0, w + 2 * inside.end, sums);
        } else {
            mce_dw_words_row(type, beyond, kw, 0, w, sums);
        }
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i*dh, w*sw - left + j*dw, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), y.c = x.c, four at least, even where x or y has 4 bits   SPEC.md 4.2
 * The last four channels may overlap those before them. scratch: [kh*kw][2] words, a level of each of four channels.
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31; the offset of signed x wraps there and back. */
MCE_INLINE void mce_dwconv2d_words(mce_type type, int32_t bits, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                   mce_scratch *scratch)
{
    const mce_window *const k = &p->window;
    const int32_t channels = p->x.c, taps = k->kh * k->kw, packed = mce_is_packed(p->y.type);
    const int32_t row_bytes = bits == 8 ? channels : (channels + 1) >> 1,
                  bytes = mce_pair_bytes(mce_is_packed(type), channels);
    const int32_t offset = mce_offset_binary(type), m_step = p->requant.per_channel != 0 ? 1 : 0;
    const int32_t zero = p->y.zero + mce_offset_binary(p->y.type), shift = p->requant.shift;
    const uint32_t flip = p->y.type == MCE_S4 ? 0x8888u : p->y.type == MCE_S8 ? 0x80808080u : 0;
    const uint32_t byte = (uint32_t)p->x.zero & (mce_is_packed(type) ? 0x0Fu : 0xFFu);
    const uint32_t around = mce_is_packed(type) ? byte * 0x1111u : byte * 0x01010101u; /* x beyond its borders */
    const int32_t last_row = p->x.h - 1 - (k->kh - 1) * k->dh, last_column = p->x.w - 1 - (k->kw - 1) * k->dw;
    const int32_t kw = k->kw, step = k->dw * bytes, below = k->dh * p->x.w * bytes;
    mce_word *const w = (mce_word *)(void *)scratch;
    for (int32_t from = 0; from < channels; from += 4) {
        const int32_t c = from + 4 <= channels ? from : channels - 4;
        const int32_t *const m = p->requant.multiplier + c * m_step;
        mce_dw_sums start = {{p->bias[c], p->bias[c + 1], p->bias[c + 2], p->bias[c + 3]}};
        const uint8_t *codes = (const uint8_t *)p->codes;
        for (int32_t t = 0; t < taps; t++, codes += row_bytes) {
            int32_t l[4];
            for (int32_t i = 0; i < 4; i++) {
                l[i] = mce_dw_level(bits, (const int16_t *)p->levels, codes, c + i);
                start.of[i] = mce_wrap_add(start.of[i], -offset * l[i]);
            }
            w[2 * t] = mce_halves(l[0], l[2]);
            w[2 * t + 1] = mce_halves(l[1], l[3]);
        }
        const uint8_t *const column0 = x + mce_pair_bytes(mce_is_packed(type), c);
        uint8_t *to = y + mce_pair_bytes(packed, c);
        for (int32_t h = 0; h < p->y.h; h++) {
            const int32_t row = h * k->sh - k->top;
            for (int32_t v = 0; v < p->y.w; v++, to += mce_pair_bytes(packed, channels)) {
                const int32_t column = v * k->sw - k->left;
                mce_dw_sums sums = start;
                if (row >= 0 && row <= last_row && column >= 0 && column <= last_column) {
                    const uint8_t *at = column0 + (row * p->x.w + column) * bytes;
                    const mce_word *line = w;
                    for (int32_t i = k->kh; i > 0; i--, at += below, line += 2 * kw) {
                        mce_dw_words_row(type, at, kw, step, line, &sums);
                    }
                } else {
                    mce_dw_edge(type, p, column0, row, column, w, around, &sums);
                }
                uint32_t four = 0;
                for (int32_t i = 0; i < 4; i++) {
                    const int32_t q = mce_smmlar((int32_t)((uint32_t)sums.of[i] << shift), m[i * m_step], zero);
                    four |= packed ? mce_usat4(q) << 4 * i : mce_usat8(q) << 8 * i;
                }
                four ^= flip;
                if (packed) {
                    *(mce_half_any *)to = (uint16_t)four;
                } else {
                    *(mce_word_any *)to = four;
                }
            }
        }
    }
}

#endif
