/* The body of the average poolings that read words; how a kernel turns sums into outputs is a constant in each of them. */
#ifndef MIXCOMP_INTERNAL_AVGPOOL2D_WORDS_H
#define MIXCOMP_INTERNAL_AVGPOOL2D_WORDS_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/avgpool2d.h"

#if defined(__GNUC__)
typedef uint32_t __attribute__((__may_alias__, __aligned__(4))) mce_channels;
#else
typedef uint32_t mce_channels;
#endif

/* The sums of a word's channels over one window. */
typedef struct mce_pool_sums {
    union {
        uint32_t words[4];  /* bytes use two */
        uint16_t halves[8]; /* channel i at 2*i, then, from i = parts on, at 2*(i - parts) + 1 */
    } of;
    int32_t parts; /* words in use */
    int32_t zeros; /* what the zero points add to each sum */
    int32_t m;     /* index of the multiplier */
} mce_pool_sums;

/* Adds n pixels, `step` words apart; packed is a constant. */
MCE_INLINE void mce_pool_add(int32_t packed, const mce_channels *pixel, int32_t n, int32_t step, uint32_t flip,
                             mce_pool_sums *sums)
{
    uint32_t mask = packed ? 0x000F000Fu : 0x00FF00FFu;
    MCE_IN_REGISTER(mask);
    uint32_t s0 = sums->of.words[0], s1 = sums->of.words[1], s2 = sums->of.words[2], s3 = sums->of.words[3];
    for (; n > 0; n--, pixel += step) {
        const uint32_t v = *pixel ^ flip;
        s0 += v & mask;
        s1 += v >> (packed ? 4 : 8) & mask;
        if (packed) {
            s2 += v >> 8 & mask;
            s3 += v >> 12 & mask;
        }
    }
    sums->of.words[0] = s0, sums->of.words[1] = s1, sums->of.words[2] = s2, sums->of.words[3] = s3;
}

/* The sum in half h, without zero points. */
MCE_INLINE int32_t mce_pool_sum(const mce_pool_sums *s, int32_t h)
{ return (int32_t)s->of.halves[h] - s->zeros; }

/* Writes the outputs of a word's channels, from element `at` of y on, an even one. */
typedef void mce_pool_end(const mce_pool2d *p, uint8_t *y, int32_t at, const mce_pool_sums *sums);

/* y[h,w,c] = clamp(y.zero + q32(sum (x - x.zero), m[n], s)) over the n elements of the window inside x  SPEC.md 4.7
 * A word holds 8 packed channels or 4 bytes; halfwords sum up what masks part. Signed types run as x + 8 or x + 128, so
 * each sum stays in 16 bits: kh*kw*15 or kh*kw*255 < 2^16 (packing words). x is aligned to 4 bytes. */
MCE_INLINE void mce_avgpool2d_words(const mce_pool2d *p, const uint8_t *x, uint8_t *y, mce_pool_end *end)
{
    const mce_window *const k = &p->window;
    const int32_t packed = mce_is_packed(p->x.type), parts = packed ? 4 : 2;
    const int32_t words = p->x.c / (2 * parts), step = k->dw * words, line = k->dh * p->x.w * words;
    const uint32_t flip = p->x.type == MCE_S4 ? 0x88888888u : p->x.type == MCE_S8 ? 0x80808080u : 0;
    const int32_t zero = p->x.zero - mce_type_min(p->x.type);
    const mce_channels *const from = (const mce_channels *)(const void *)x;
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t row = h * k->sh - k->top;
        const mce_span rows = mce_taps_inside(row, k->dh, k->kh, p->x.h);
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t column = w * k->sw - k->left;
            const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
            const int32_t n = (rows.end - rows.first) * (columns.end - columns.first); /* >= 1 */
            const mce_channels *pixel =
                from + ((row + rows.first * k->dh) * p->x.w + column + columns.first * k->dw) * words;
            int32_t lines = rows.end - rows.first, across = columns.end - columns.first;
            if (across * step == line) { /* without a gap */
                across = n, lines = 1;
            }
            for (int32_t c = 0; c < words; c++, pixel++) {
                mce_pool_sums sums = {{{0, 0, 0, 0}}, parts, n * zero, n - 1};
                const mce_channels *start = pixel;
                for (int32_t i = 0; i < lines; i++, start += line) {
                    if (packed) {
                        mce_pool_add(1, start, across, step, flip, &sums);
                    } else {
                        mce_pool_add(0, start, across, step, flip, &sums);
                    }
                }
                end(p, y, at, &sums);
                at += 2 * parts;
            }
        }
    }
}

#endif
