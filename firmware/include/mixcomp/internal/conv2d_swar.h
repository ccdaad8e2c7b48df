/* The bodies of mce_conv2d_<act>_fx4__<v6m,v7m> and mce_conv2d_add_<act>_fx4__<v6m,v7m>; type, halves and pairs are
 * constants in each of them. */
#ifndef MIXCOMP_INTERNAL_CONV2D_SWAR_H
#define MIXCOMP_INTERNAL_CONV2D_SWAR_H

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
        for (int32_t i = 0; i < n; i++) {
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
    const int32_t together = k->dw == 1 && p->groups == 1;
    const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
    for (int32_t i = 0; i < k->kh; i++) {
        const int32_t h = row + i * k->dh, at = (h * p->x.w + column) * p->x.c + channel;
        if (!mce_inside(h, p->x.h)) {
            patch = mce_swar_fill(patch, zero, k->kw * depth);
            continue;
        }
        patch = mce_swar_fill(patch, zero, columns.first * depth);
        for (int32_t j = columns.first; j < columns.end; j += together ? k->kw : 1) {
            const int32_t n = together ? (columns.end - columns.first) * depth : depth;
            patch = mce_swar_bytes(type, wide, x, at + j * k->dw * p->x.c, n, patch);
        }
        patch = mce_swar_fill(patch, zero, (k->kw - columns.end) * depth);
    }
}

/* -8 * sum of n bytes (a multiple of 8), modulo 2^32 */
MCE_INLINE uint32_t mce_swar_correction(const uint8_t *x, int32_t n)
{
    const mce_swar_word *words = (const mce_swar_word *)(const void *)x;
    uint32_t sum = 0;
    for (n >>= 2; n > 0; n -= 64) {
        uint32_t both = 0; /* 64 words are 128 bytes a half: below 2^16 */
        for (const mce_swar_word *const end = words + (n < 64 ? n : 64); words != end; words++) {
            both += (*words & 0x00FF00FFu) + (*words >> 8 & 0x00FF00FFu);
        }
        sum += (both & 0xFFFFu) + (both >> 16);
    }
    return 0u - 8u * sum;
}

/* What the outputs of a call share. halves is a constant: the core has no long multiplication. */
typedef struct mce_swar_sink {
    const mce_conv2d *p;
    const mce_conv2d_add *add; /* null (0) without a residual */
    const uint8_t *r;
    uint8_t *y;
    int32_t elements;
} mce_swar_sink;

MCE_INLINE int32_t mce_swar_value(int32_t halves, const mce_swar_sink *s, int32_t acc, int32_t o, int32_t at)
{
    const mce_requant *const q = &s->p->requant;
    const int32_t m = q->multiplier[q->per_channel != 0 ? o : 0];
    int32_t v;
    if (s->add != 0) {
        const int32_t scaled = (int32_t)((uint32_t)acc << q->shift);
        const int32_t r = (mce_load(s->add->r.type, s->r, at) - s->add->r.zero) * ((int32_t)1 << s->add->r_shift);
        v = mce_round32((int64_t)scaled * m + (int64_t)r * s->add->r_multiplier);
    } else {
        v = halves ? mce_swar_q32(acc, m, q->shift) : mce_q32(acc, m, q->shift);
    }
    return mce_clamp(s->p->y.type, s->p->y.zero + v);
}

/* Channels o and, if there is one, o + 1 of a pixel. An even element and the next one share a byte of a packed y. */
MCE_INLINE void mce_swar_output(int32_t halves, const mce_swar_sink *s, int32_t pixel, int32_t o, int32_t second,
                                int32_t a, int32_t b)
{
    const mce_type type = s->p->y.type;
    const int32_t at = pixel * s->p->y.c + o, va = mce_swar_value(halves, s, a, o, at);
    const int32_t vb = second ? mce_swar_value(halves, s, b, o + 1, at + 1) : 0;
    if (second && (at & 1) == 0) {
        mce_store_pair(type, s->y, at, s->elements, va, vb);
        return;
    }
    mce_store_any(type, s->y, at, s->elements, va);
    if (second) {
        mce_store_any(type, s->y, at + 1, s->elements, vb);
    }
}

/* acc[o] = bias[o] + sum_{i,j,c} w[o,i,j,c] * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * Two pixels meet `pairs` pairs of channels at a time. packing swar2 or swar4: scratch [2][n] bytes, n = kh*kw*depth
 * rounded up to a multiple of 8. (|bias| + sum |level| * max|x|) * 2^s < 2^31; sums wrap on the way there. */
MCE_INLINE void mce_conv2d_swar(mce_type type, int32_t halves, int32_t pairs, const mce_conv2d *p,
                                const mce_conv2d_add *add, const uint8_t *x, const uint8_t *r, uint8_t *y,
                                mce_scratch *scratch)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t length = p->window.kh * p->window.kw * depth, n = (length + 7) & ~7;
    const int32_t block = mce_is_packed(type) ? MCE_SWAR_BLOCK_4 : MCE_SWAR_BLOCK_8;
    const mce_swar_sink sink = {p, add, r, y, pixels * p->y.c};
    uint8_t *const patches = (uint8_t *)(void *)scratch;
    const mce_swar_word *w = (const mce_swar_word *)p->codes, *group = w;
    for (int32_t i = 0; i < 2; i++) {
        mce_swar_fill(patches + i * n + length, 0, n - length);
    }
    for (int32_t first = 0; first < p->y.c; first += outputs, group = w) {
        mce_cursor at = {0, 0};
        for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
            const int32_t count = pixels - pixel < 2 ? 1 : 2, last = first + outputs;
            uint32_t correction[2] = {0, 0};
            for (int32_t i = 0; i < count; i++) {
                mce_swar_gather(type, p, x, at, first / outputs * depth, depth, patches + i * n);
                mce_cursor_next(&at, p->y.w);
                correction[i] = mce_swar_correction(patches + i * n, n);
            }
            w = group;
            for (int32_t o = first; o < last; o += 2 * pairs) {
                mce_swar_sums sums;
                for (int32_t c = 0; c < 2 * pairs; c++) {
                    const uint32_t bias = o + c < last ? (uint32_t)p->bias[o + c] : 0;
                    sums.v[2 * c] = bias + correction[0];
                    sums.v[2 * c + 1] = bias + correction[1];
                }
                if (pairs == 2 && last - o > 2) {
                    w = mce_swar_sum(2, patches, patches + n, w, n, block, &sums);
                } else {
                    w = mce_swar_sum(1, patches, patches + n, w, n, block, &sums);
                }
                for (int32_t c = 0; c < 2 * pairs && o + c < last; c += 2) {
                    for (int32_t i = 0; i < count; i++) {
                        mce_swar_output(halves, &sink, pixel + i, o + c, o + c + 1 < last, (int32_t)sums.v[2 * c + i],
                                        (int32_t)sums.v[2 * c + 2 + i]);
                    }
                }
            }
        }
    }
}

#endif
