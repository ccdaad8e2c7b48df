/* Depthwise 3x3 in kernels/mve: sixteen channels of a pixel in a vector, or eight channels of two neighbouring pixels where
 * that is all there is. Three rows of those channels lie in scratch as bytes, padding around them, in a ring: a row of
 * outputs replaces what it no longer needs. Products are summed up in halfwords, which plan/packing proves to be enough. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_MVE_H
#define MIXCOMP_INTERNAL_DWCONV2D_MVE_H

#include "mixcomp/internal/gather_mve.h"
#include "mixcomp/internal/output_mve.h"
#include "mixcomp/internal/weights_mve.h"
#include "mixcomp/dwconv2d.h"

#define MCE_MVE_TAPS 9
#define MCE_MVE_DW_WEIGHTS (16 * MCE_MVE_TAPS + 16) /* bytes, the end of a copy included */

/* Sixteen channels, or eight twice: the same for all rows of outputs. */
typedef struct mce_mve_slice {
    const int8_t *w;     /* [9][16] */
    const int32_t *bias; /* [16] channels 0 4 8 12, 2 6 10 14, 1 5 9 13, 3 7 11 15 */
    const mce_sum *m;    /* [16] in that order */
    int32_t pitch;       /* bytes of a pixel in a row of scratch */
    int32_t pixels;      /* outputs in a vector */
    int32_t channel, channels;
} mce_mve_slice;

MCE_INLINE mce_q mce_mve_dw_quarter(mce_q sum, const int32_t *bias, const mce_sum *m, int32_t shift, int32_t zero)
{
    const mce_q acc = mce_q_shift(mce_q_add(sum, mce_q_load(bias)), shift);
    return mce_q_add_all(mce_q_mul_round(acc, mce_q_load(m)), zero);
}

/* Sixteen outputs from sums of even channels and of odd ones, as they lie in y but for signs */
MCE_INLINE mce_q mce_mve_dw_outputs(int32_t packed, const int32_t *bias, const mce_sum *m, int32_t shift, int32_t zero,
                                    mce_q even, mce_q odd)
{
    const mce_q a = mce_mve_dw_quarter(mce_q_even(even), bias, m, shift, zero);
    const mce_q b = mce_mve_dw_quarter(mce_q_even(odd), bias + 8, m + 8, shift, zero);
    const mce_q low = mce_mve_join2(packed, a, b);
    const mce_q c = mce_mve_dw_quarter(mce_q_odd(even), bias + 4, m + 4, shift, zero);
    const mce_q d = mce_mve_dw_quarter(mce_q_odd(odd), bias + 12, m + 12, shift, zero);
    return mce_mve_join4(packed, low, c, d);
}

#if defined(__ARM_FEATURE_MVE)

#define MCE_MVE_TAP(x, w)                                                                                              \
    "vldrb.8 %q[a], [%[x], " x "]\n\t"                                                                                 \
    "vldrb.8 %q[b], [%[w], " w "]\n\t"                                                                                 \
    "vmullb.s8 %q[t], %q[a], %q[b]\n\t"                                                                                \
    "vmullt.s8 %q[a], %q[a], %q[b]\n\t"                                                                                \
    "vadd.i16 %q[even], %q[even], %q[t]\n\t"                                                                           \
    "vadd.i16 %q[odd], %q[odd], %q[a]\n\t"

/* Three taps of a row: even and odd channels. As one statement, because gcc loads all rows first and spills. */
MCE_INLINE void mce_mve_taps(int32_t pitch, const uint8_t *x, const int8_t *w, mce_q *even, mce_q *odd)
{
    mce_q a, b, t, e = *even, o = *odd;
    if (pitch == 16) {
        __asm__ volatile(MCE_MVE_TAP("#0", "#0") MCE_MVE_TAP("#16", "#16") MCE_MVE_TAP("#32", "#32")
                         : [even] "+w"(e), [odd] "+w"(o), [a] "=&w"(a), [b] "=&w"(b), [t] "=&w"(t)
                         : [x] "r"(x), [w] "r"(w)
                         : "memory");
    } else {
        __asm__ volatile(MCE_MVE_TAP("#0", "#0") MCE_MVE_TAP("#8", "#16") MCE_MVE_TAP("#16", "#32")
                         : [even] "+w"(e), [odd] "+w"(o), [a] "=&w"(a), [b] "=&w"(b), [t] "=&w"(t)
                         : [x] "r"(x), [w] "r"(w)
                         : "memory");
    }
    *even = e, *odd = o;
}

#else

MCE_INLINE void mce_mve_taps(int32_t pitch, const uint8_t *x, const int8_t *w, mce_q *even, mce_q *odd)
{
    for (int32_t i = 0; i < 3; i++) {
        const mce_q a = mce_q_load(x + i * pitch), b = mce_q_load(w + 16 * i);
        *even = mce_q_add16(*even, mce_q_mul_even(a, b));
        *odd = mce_q_add16(*odd, mce_q_mul_odd(a, b));
    }
}

#endif

/* A row of outputs from three rows of scratch; packed and pitch are constants. */
MCE_INLINE void mce_mve_dw_row(int32_t packed, int32_t pitch, const mce_conv2d *p, const mce_mve_sink *s,
                               const mce_mve_slice *slice, uint8_t *const *rows, uint8_t *y)
{
    const uint8_t *x0 = rows[0], *x1 = rows[1], *x2 = rows[2];
    const int8_t *const w = slice->w;
    const int32_t *const bias = slice->bias, shift = s->requant->shift, zero = s->zero;
    const mce_sum *const m = slice->m;
    const int32_t pixels = slice->pixels, step = pixels * p->window.sw * pitch;
    const int32_t y_step = packed ? pixels * p->y.c >> 1 : pixels * p->y.c;
    const mce_q flip = mce_q_bytes(s->flip);
    for (int32_t left = p->y.w; left > 0; left -= pixels, x0 += step, x1 += step, x2 += step, y += y_step) {
        mce_q even = mce_q_words(0), odd = even;
        mce_mve_taps(pitch, x0, w, &even, &odd);
        mce_mve_taps(pitch, x1, w + 48, &even, &odd);
        mce_mve_taps(pitch, x2, w + 96, &even, &odd);
        const mce_q v = mce_q_xor(mce_mve_dw_outputs(packed, bias, m, shift, zero, even, odd), flip);
        mce_mve_store16(packed, y, v, left < pixels ? slice->channels : pixels * slice->channels);
    }
}

/* A row of x, or of padding, from column -left on, as `width` pixels of a slice. Its padding is there already. */
MCE_INLINE void mce_mve_dw_gather(mce_type type, const mce_conv2d *p, const uint8_t *x, const mce_mve_slice *slice,
                                  int32_t row, int32_t width, uint8_t *to)
{
    const int32_t pitch = slice->pitch, left = p->window.left < width ? p->window.left : width;
    const int32_t inside = width - left < p->x.w ? width - left : p->x.w;
    const int32_t at = row * p->x.w * p->x.c + slice->channel;
    if (!mce_inside(row, p->x.h)) {
        mce_mve_fill(type, p->x.zero, width * pitch, to);
        return;
    }
    to += left * pitch;
    if (mce_is_packed(type) && slice->channels == 16) {
        const uint8_t *from = x + (at >> 1);
        for (int32_t i = inside; i > 0; i--, from += p->x.c >> 1, to += 16) {
            const mce_q bits = mce_q_load_halves(from);
            const mce_q v = mce_q_and(mce_q_or(bits, mce_q_half_up(bits)), mce_q_bytes(0x0F));
            mce_q_store(to, type == MCE_S4 ? mce_q_xor(v, mce_q_bytes(0x08)) : v);
        }
        return;
    }
    if (p->x.c == pitch) {
        mce_mve_copy(type, x, at, inside * pitch, to);
    } else {
        for (int32_t i = 0; i < inside; i++) {
            mce_mve_copy(type, x, at + i * p->x.c, slice->channels, to + i * pitch);
        }
    }
    mce_mve_fill(type, p->x.zero, (width - left - inside) * pitch, to + inside * pitch); /* copies end with anything */
}

/* The weights of a slice as bytes, and its multipliers in the order of its biases */
MCE_INLINE void mce_mve_dw_begin(const mce_conv2d *p, const int8_t *table, const uint8_t *codes, int32_t channel,
                                 int32_t channels, int8_t *w, mce_sum *m)
{
    mce_mve_copy(MCE_U4, codes, 0, 16 * MCE_MVE_TAPS, (uint8_t *)w);
    for (int32_t i = 0; i < MCE_MVE_TAPS; i++) {
        mce_q_store(w + 16 * i, mce_q_lookup(table, mce_q_load(w + 16 * i)));
    }
    for (int32_t i = 0; i < 16; i++) {
        const int32_t lane = 4 * (i & 3) + (i >> 3) + (i >> 1 & 2);
        m[i] = p->requant.multiplier[p->requant.per_channel != 0 ? channel + lane % channels : 0];
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), as many outputs as inputs, a multiple of eight      SPEC.md 4.2 */
MCE_INLINE void mce_dwconv2d_mve(mce_type type, const mce_conv2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                                 uint8_t *y,                                           /* [y.h][y.w][x.c] */
                                 mce_scratch *scratch)
{
    const mce_mve_sink sink = mce_mve_sink_of(&p->y, &p->requant, 0, y, 0);
    const mce_window *const k = &p->window;
    const int32_t packed = mce_is_packed(p->y.type), pitch = p->x.c == 8 ? 8 : 16;
    const int32_t width = (p->y.w - 1) * k->sw + 3, bytes = width * pitch + MCE_MVE_SLACK;
    int8_t table[16];
    mce_mve_table(p->levels, table);
    mce_sum *const m = (mce_sum *)(void *)scratch;
    int8_t *const w = (int8_t *)(m + 16);
    uint8_t *const ring = (uint8_t *)w + MCE_MVE_DW_WEIGHTS;
    mce_mve_slice slice = {w, p->bias, m, pitch, pitch == 8 && k->sw == 1 ? 2 : 1, 0, pitch};
    const uint8_t *codes = (const uint8_t *)p->codes;
    for (; slice.channel < p->x.c; slice.channel += 16, slice.bias += 16, codes += 8 * MCE_MVE_TAPS) {
        if (p->x.c - slice.channel < 16) {
            slice.channels = 8;
        }
        mce_mve_dw_begin(p, table, codes, slice.channel, slice.channels, w, m);
        mce_mve_fill(type, p->x.zero, 3 * bytes - MCE_MVE_SLACK, ring);
        uint8_t *rows[3] = {ring, ring + bytes, ring + 2 * bytes};
        for (int32_t h = 0; h < p->y.h; h++) {
            for (int32_t i = h == 0 || k->sh > 3 ? 0 : 3 - k->sh; i < 3; i++) { /* the rows that are new */
                uint8_t *const to = rows[0];
                rows[0] = rows[1], rows[1] = rows[2], rows[2] = to;
                mce_mve_dw_gather(type, p, x, &slice, h * k->sh + i - k->top, width, to);
            }
            const int32_t at = h * p->y.w * p->y.c + slice.channel;
            uint8_t *const to = y + (packed ? at >> 1 : at);
            if (packed && pitch == 16) {
                mce_mve_dw_row(1, 16, p, &sink, &slice, rows, to);
            } else if (packed) {
                mce_mve_dw_row(1, 8, p, &sink, &slice, rows, to);
            } else if (pitch == 16) {
                mce_mve_dw_row(0, 16, p, &sink, &slice, rows, to);
            } else {
                mce_mve_dw_row(0, 8, p, &sink, &slice, rows, to);
            }
        }
    }
}

#endif
