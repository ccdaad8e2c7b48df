/* The body of mce_conv2d_<u4,s4>_fx4__dsp and mce_conv2d_add_<u4,s4>_fx4__dsp; type is a constant in each of them. */
#ifndef MIXCOMP_INTERNAL_CONV2D_QUAD_DSP_H
#define MIXCOMP_INTERNAL_CONV2D_QUAD_DSP_H

#include "mixcomp/internal/dsp_gather.h"
#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/quad_dsp.h"

/* acc[o] = bias[o] + sum_{i,j,c} w[o,i,j,c] * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * Two pixels meet four channels at a time. Of a block of p->block weights the low channel's sum fits in 12 bits, the
 * high one's over all blocks in 20 (plan/packing.py proves both). s4 runs as x + 8, and the bias makes up for it.
 * codes: for each group of four channels [n/4][2] words, for a last one or two [n/4] words; n = kh*kw*depth rounded up
 * to a multiple of 8. */
MCE_INLINE void mce_conv2d_quad(mce_type type, const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,
                                const uint8_t *r, uint8_t *y, mce_word *scratch /* [n] patches, offsets [blocks][2] */)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t n = (p->window.kh * p->window.kw * depth + 7) & ~7;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, add, r, y, outputs);
    int32_t *const offsets = (int32_t *)(scratch + n);
    const mce_word *w = (const mce_word *)p->codes, *group = w;
    for (int32_t first = 0; first < p->y.c; first += outputs, group = w) {
        mce_cursor at = {0, 0};
        for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
            const int32_t count = pixels - pixel < 2 ? 1 : 2;
            for (int32_t i = 0; i < count; i++) {
                mce_dsp_gather(type, 2, p, x, at, first / outputs * depth, depth, n, scratch + 2 * i);
                mce_cursor_next(&at, p->y.w);
            }
            mce_quad_offsets(scratch, n, p->block, offsets);
            w = group;
            for (int32_t o = 0; o < outputs; o += MCE_TILE) {
                const int32_t left = outputs - o, channels = left < MCE_TILE ? left : MCE_TILE;
                int32_t acc[2][MCE_TILE];
                w = mce_quad_tile(scratch, offsets, w, n, p->block, channels, p->bias + first + o, acc);
                mce_sink_tile(&sink, pixel, count, first + o, channels, acc);
            }
        }
    }
}

#endif
