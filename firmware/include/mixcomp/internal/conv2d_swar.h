/* The bodies of mce_conv2d_<act>_fx4__<v7m,swar> and mce_conv2d_add_<act>_fx4__<v7m,swar>; type is a constant in each of
 * them. And what internal/conv2d_swar_four.h shares with them. */
#ifndef MIXCOMP_INTERNAL_CONV2D_SWAR_H
#define MIXCOMP_INTERNAL_CONV2D_SWAR_H

#include "mixcomp/internal/output_any.h"
#include "mixcomp/internal/swar.h"
#include "mixcomp/internal/window.h"

MCE_INLINE int32_t mce_swar_offset(mce_type type)
{ return -mce_type_min(type); }

MCE_INLINE int32_t mce_swar_is_aligned(const void *p)
{ return ((uintptr_t)p & 3u) == 0; }

/* n elements of x from `at` on as bytes, signed ones plus 8 or 128. 4-bit ones: in the order 0 2 4 6 1 3 5 7 of each eight
 * where `wide`, which needs n and `at` to be multiples of 8 and x to be aligned. Returns the end. */
MCE_INLINE uint8_t *mce_swar_bytes(mce_type type, int32_t wide, const uint8_t *x, int32_t at, int32_t n, uint8_t *to)
{
    const uint32_t flip = type == MCE_S4 ? 0x88888888u : type == MCE_S8 ? 0x80808080u : 0;
    if (mce_is_packed(type) && wide) {
        const mce_swar_word *from = (const mce_swar_word *)(const void *)(x + (at >> 1));
        mce_swar_word *words = (mce_swar_word *)(void *)to;
        for (const mce_swar_word *const end = from + (n >> 3); from != end; words += 2) {
            const uint32_t v = *from++ ^ flip;
            words[0] = v & 0x0F0F0F0Fu;
            words[1] = v >> 4 & 0x0F0F0F0Fu;
        }
    } else if (!mce_is_packed(type) && ((n | at) & 3) == 0 && mce_swar_is_aligned(x) && mce_swar_is_aligned(to)) {
        const mce_swar_word *from = (const mce_swar_word *)(const void *)(x + at);
        mce_swar_word *words = (mce_swar_word *)(void *)to;
        for (const mce_swar_word *const end = from + (n >> 2); from != end;) {
            *words++ = *from++ ^ flip;
        }
    } else if (mce_is_packed(type)) {
        for (int32_t i = 0; i < n; i++) {
            to[i] = (uint8_t)(mce_load(type, x, at + i) + mce_swar_offset(type));
        }
    } else {
        int32_t i = 0;
#if defined(__ARM_FEATURE_UNALIGNED)
        for (; i + 4 <= n; i += 4) {
            *(mce_word_any *)(to + i) = *(const mce_word_any *)(x + at + i) ^ flip;
        }
#endif
        for (; i < n; i++) {
            to[i] = (uint8_t)(x[at + i] ^ (flip & 0xFFu));
        }
    }
    return to + n;
}

MCE_INLINE uint8_t *mce_swar_fill(uint8_t *to, int32_t v, int32_t n)
{
    for (const uint8_t *const end = to + n; to != end;) {
        *to++ = (uint8_t)v;
    }
    return to;
}

/* patch[i,j,c] = X[h*sh - top + i*dh, w*sw - left + j*dw, channel + c], c < depth, at pixel (h, w). */
MCE_INLINE void mce_swar_gather(mce_type type, const mce_conv2d *p, const uint8_t *x, mce_cursor pixel, int32_t channel,
                                int32_t depth, uint8_t *patch)
{
    const mce_window *const k = &p->window;
    const int32_t row = pixel.h * k->sh - k->top, column = pixel.w * k->sw - k->left;
    const int32_t zero = p->x.zero + mce_swar_offset(type), wide = depth % 8 == 0;
    if (k->kh * k->kw == 1 && wide && mce_inside(row, p->x.h) && mce_inside(column, p->x.w)) {
        mce_swar_bytes(type, 1, x, (row * p->x.w + column) * p->x.c + channel, depth, patch);
        return;
    }
    const int32_t together = k->dw == 1 && p->groups == 1;
    const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
    for (int32_t i = 0; i < k->kh; i++) {
        const int32_t h = row + i * k->dh, at = (h * p->x.w + column) * p->x.c + channel;
        if (!mce_inside(h, p->x.h)) {
            patch = mce_swar_fill(patch, zero, k->kw * depth);
            continue;
        }
        if (columns.first != 0) {
            patch = mce_swar_fill(patch, zero, columns.first * depth);
        }
        for (int32_t j = columns.first; j < columns.end; j += together ? k->kw : 1) {
            const int32_t n = together ? (columns.end - columns.first) * depth : depth;
            patch = mce_swar_bytes(type, wide, x, at + j * k->dw * p->x.c, n, patch);
        }
        if (columns.end != k->kw) {
            patch = mce_swar_fill(patch, zero, (k->kw - columns.end) * depth);
        }
    }
}

/* -8 * sum of n bytes (a multiple of 8), modulo 2^32. narrow: they are at most 15. */
MCE_INLINE uint32_t mce_swar_correction(int32_t narrow, const uint8_t *x, int32_t n)
{
    const mce_swar_word *words = (const mce_swar_word *)(const void *)x;
    const int32_t most = narrow ? 16 : 64; /* words that four bytes or two halves can sum up */
    uint32_t sum = 0;
    for (n >>= 2; n > 0; n -= most) {
        uint32_t both = 0;
        for (const mce_swar_word *const end = words + (n < most ? n : most); words != end; words += 2) {
            if (narrow) {
                both += words[0];
                both += words[1];
            } else {
                both += (words[0] & 0x00FF00FFu) + (words[0] >> 8 & 0x00FF00FFu);
                both += (words[1] & 0x00FF00FFu) + (words[1] >> 8 & 0x00FF00FFu);
            }
        }
        both = narrow ? (both & 0x00FF00FFu) + (both >> 8 & 0x00FF00FFu) : both;
        sum += (both & 0xFFFFu) + (both >> 16);
    }
    return 0u - 8u * sum;
}

/* Two gathered pixels: what each adds to all sums, and where they are in y. */
typedef struct mce_swar_pixels {
    uint32_t correction[2];
    int32_t pixel, count; /* count 1: there is no second one */
    int32_t at, pitch;    /* bytes to the first pixel's outputs, and from there to the second's or 0 */
} mce_swar_pixels;

/* Channels o and o + 1 of two pixels from v: [2 channels][2 pixels]. second: there is a channel o + 1. */
MCE_INLINE void mce_swar_output(const mce_sink *s, int32_t plain, const mce_swar_pixels *in, int32_t o, int32_t second,
                                const uint32_t *v)
{
    const int32_t packed = mce_is_packed(s->to->type);
    if (!plain) {
        for (int32_t i = 0; i < in->count; i++) {
            mce_sink_any(s, in->pixel + i, o, second, (int32_t)v[i], (int32_t)v[2 + i]);
        }
        return;
    }
    const int32_t *const m = s->requant->multiplier + o * s->step, ma = m[0], mb = m[s->step];
    const int32_t at0 = in->at + mce_pair_bytes(packed, o), at1 = at0 + in->pitch; /* pixel 0 is written last */
    if (packed) {
        const uint32_t pixel0 = mce_sink_pair(1, s, at0, (int32_t)v[0], (int32_t)v[2], ma, mb);
        const uint32_t pixel1 = mce_sink_pair(1, s, at1, (int32_t)v[1], (int32_t)v[3], ma, mb);
        mce_sink_store(1, s->y + at1, pixel1);
        mce_sink_store(1, s->y + at0, pixel0);
    } else {
        const uint32_t pixel0 = mce_sink_pair(0, s, at0, (int32_t)v[0], (int32_t)v[2], ma, mb);
        const uint32_t pixel1 = mce_sink_pair(0, s, at1, (int32_t)v[1], (int32_t)v[3], ma, mb);
        mce_sink_store(0, s->y + at1, pixel1);
        mce_sink_store(0, s->y + at0, pixel0);
    }
}

/* v: [2 channels][2 pixels] begins with the bias. */
MCE_INLINE void mce_swar_begin(const mce_swar_pixels *in, int32_t a, int32_t b, uint32_t *v)
{
    v[0] = (uint32_t)a + in->correction[0], v[1] = (uint32_t)a + in->correction[1];
    v[2] = (uint32_t)b + in->correction[0], v[3] = (uint32_t)b + in->correction[1];
}

/* acc[o] = bias[o] + sum_{i,j,c} w[o,i,j,c] * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * Two pixels meet two pairs of channels at a time. packing swar4: scratch [2][n] bytes, n = kh*kw*depth
 * rounded up to a multiple of 8. (|bias| + sum |level| * max|x|) * 2^s < 2^31; sums wrap on the way there. */
MCE_INLINE void mce_conv2d_swar(mce_type type, const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,
                                const uint8_t *r, uint8_t *y, mce_scratch *scratch)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t length = p->window.kh * p->window.kw * depth, n = (length + 7) & ~7;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, add, r, y);
    const int32_t plain = mce_sink_is_plain(&sink, outputs), packed = mce_is_packed(p->y.type);
    uint8_t *const patches = (uint8_t *)(void *)scratch;
    const mce_swar_word *w = (const mce_swar_word *)p->codes, *group = w;
    for (int32_t i = 0; i < 2; i++) {
        mce_swar_fill(patches + i * n + length, 0, n - length);
    }
    for (int32_t first = 0; first < p->y.c; first += outputs, group = w) {
        mce_cursor at = {0, 0};
        for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
            const int32_t last = first + outputs;
            mce_swar_pixels in = {{0, 0}, pixel, pixels - pixel < 2 ? 1 : 2, mce_pair_bytes(packed, pixel * p->y.c), 0};
            in.pitch = in.count == 2 ? mce_pair_bytes(packed, p->y.c) : 0;
            for (int32_t i = 0; i < in.count; i++) {
                mce_swar_gather(type, p, x, at, first / outputs * depth, depth, patches + i * n);
                mce_cursor_next(&at, p->y.w);
                in.correction[i] = mce_swar_correction(mce_is_packed(type), patches + i * n, n);
            }
            w = group;
            for (int32_t o = first; o < last; o += 4) {
                const int32_t *const bias = p->bias + o, left = last - o;
                uint32_t v[8];
                mce_swar_begin(&in, bias[0], left > 1 ? bias[1] : 0, v);
                if (left > 2) {
                    mce_swar_begin(&in, bias[2], left > 3 ? bias[3] : 0, v + 4);
                    w = mce_swar_sum(2, patches, patches + n, w, p->blocks, v);
                    mce_swar_output(&sink, plain, &in, o + 2, left > 3, v + 4);
                } else {
                    w = mce_swar_sum(1, patches, patches + n, w, p->blocks, v);
                }
                mce_swar_output(&sink, plain, &in, o, left > 1, v);
            }
        }
    }
}

#endif
