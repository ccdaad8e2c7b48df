/* The body of the convolutions in kernels/dsp; type and scheme are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_CONV2D_DSP_H
#define MIXCOMP_INTERNAL_CONV2D_DSP_H

#include "mixcomp/internal/dsp_gather.h"
#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/pair_dsp.h"
#include "mixcomp/internal/quad_dsp.h"

/* How weights are packed, by the names of plan/packing.py. */
typedef enum mce_scheme { MCE_QUAD, MCE_PAIR, MCE_PAIR_TABLE } mce_scheme;

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * Two pixels meet four channels at a time. s4 runs as x + 8, and the bias makes up for it. add and r are null (0) in
 * conv2d. scratch: [n] words for two patches, in quad then its blocks; n = kh*kw*depth rounded up to a multiple of 8.
 * quad: the low channel's sum over a block of p->block weights fits in 12 bits, the high one's over all in 20; pair:
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31 and the offset wraps there and back. plan/packing.py proves it. */
MCE_INLINE void mce_conv2d_dsp(mce_type type, mce_scheme scheme, const mce_conv2d *p, const mce_conv2d_add *add,
                               const uint8_t *x, const uint8_t *r, uint8_t *y, mce_scratch *scratch)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t n = (p->window.kh * p->window.kw * depth + 7) & ~7, unit = scheme == MCE_QUAD ? 2 : 1;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, add, r, y, outputs);
    const mce_word *const table = scheme == MCE_PAIR_TABLE ? (const mce_word *)p->levels : 0;
    mce_word *const patches = (mce_word *)(void *)scratch;
    mce_quad_block *const blocks = (mce_quad_block *)(void *)(patches + n), *end = blocks;
    const mce_word *w = (const mce_word *)p->codes, *group = w;
    for (int32_t first = 0; first < p->y.c; first += outputs, group = w) {
        mce_cursor at = {0, 0};
        for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
            const int32_t count = pixels - pixel < 2 ? 1 : 2;
            int32_t offsets[2] = {0, 0};
            for (int32_t i = 0; i < count; i++) {
                mce_dsp_gather(type, unit, p, x, at, first / outputs * depth, depth, n, patches + unit * i);
                mce_cursor_next(&at, p->y.w);
            }
            if (scheme == MCE_QUAD) {
                end = mce_quad_blocks(patches, n, p->block, blocks);
            } else if (scheme == MCE_PAIR) {
                mce_pair_offsets(patches, n, offsets);
            }
            w = group;
            for (int32_t o = first; o < first + outputs; o += MCE_TILE) {
                const int32_t left = first + outputs - o, channels = left < MCE_TILE ? left : MCE_TILE;
                const int32_t pairs = (channels + 1) >> 1;
                mce_tile acc;
                mce_tile_begin(&acc, p->bias + o, channels);
                w = scheme == MCE_QUAD ? mce_quad_tile(patches, blocks, end, w, pairs, &acc)
                                       : mce_pair_tile(patches, offsets, w, table, n, pairs, &acc);
                mce_sink_tile(&sink, pixel, count, o, channels, &acc);
            }
        }
    }
}

#endif
