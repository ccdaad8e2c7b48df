/* The body of the convolutions in kernels/mve. Weights of two channels share a byte: the lower nibble is one's, the upper
 * the other's. fixp4: byte << 4 and byte & 0xF0 are 16 times the weight, as signed bytes, without a table; the sums hold
 * 16 times their value, which fits in 32 bits (plan/packing proves it). Other codebooks: each nibble through a table of
 * bytes. */
#ifndef MIXCOMP_INTERNAL_CONV2D_MVE_H
#define MIXCOMP_INTERNAL_CONV2D_MVE_H

#include "mixcomp/internal/gather_mve.h"
#include "mixcomp/internal/output_mve.h"

#define MCE_MVE_PIXELS 3

/* The levels as bytes; a layer with others has another kernel. */
MCE_INLINE void mce_mve_table(const void *levels, int8_t *table /* [16] */)
{
    for (int32_t i = 0; i < 16; i++) {
        table[i] = (int8_t)((const int16_t *)levels)[i];
    }
}

/* The weights of two channels in 16 bytes; table is null (0) for fixp4, as a constant. */
MCE_INLINE void mce_mve_weights(const int8_t *table, mce_q v, mce_q *a, mce_q *b)
{
    if (table == 0) {
        *a = mce_q_low_up(v);
        *b = mce_q_and(v, mce_q_bytes(0xF0));
    } else {
        *a = mce_q_lookup(table, mce_q_and(v, mce_q_bytes(0x0F)));
        *b = mce_q_lookup(table, mce_q_high_down(v));
    }
}

/* acc[c], acc[step + c], acc[2*step + c] = bias[c] + sum w[c] * x over three patches, for c < channels; an odd last one
 * has a neighbour without weights. */
MCE_INLINE const uint8_t *mce_mve_sums3(const int8_t *table, const uint8_t *w, /* [channels/2][n] */
                                        const uint8_t *x,                      /* [3][n] */
                                        int32_t n, const int32_t *bias, mce_sum *acc, int32_t channels, int32_t step)
{
    for (const int32_t *const end = bias + channels; bias < end; bias += 2, acc += 2) {
        const uint8_t *x0 = x, *x1 = x + n, *x2 = x1 + n;
        int32_t a0 = bias[0], b0 = bias[1], a1 = a0, b1 = b0, a2 = a0, b2 = b0;
        int32_t left = n >> 4;
        do {
            mce_q a, b, at;
            mce_mve_weights(table, mce_q_load(w), &a, &b);
            at = mce_q_load(x0);
            a0 = mce_q_dot(a0, a, at);
            b0 = mce_q_dot(b0, b, at);
            at = mce_q_load(x1);
            a1 = mce_q_dot(a1, a, at);
            b1 = mce_q_dot(b1, b, at);
            at = mce_q_load(x2);
            a2 = mce_q_dot(a2, a, at);
            b2 = mce_q_dot(b2, b, at);
            w += 16, x0 += 16, x1 += 16, x2 += 16;
        } while (--left != 0);
        acc[0] = a0, acc[1] = b0;
        acc[step] = a1, acc[step + 1] = b1;
        acc[2 * step] = a2, acc[2 * step + 1] = b2;
    }
    return w;
}

/* The same for one patch. */
MCE_INLINE const uint8_t *mce_mve_sums1(const int8_t *table, const uint8_t *w, const uint8_t *x, int32_t n,
                                        const int32_t *bias, mce_sum *acc, int32_t channels)
{
    for (const int32_t *const end = bias + channels; bias < end; bias += 2, acc += 2) {
        const uint8_t *at = x;
        int32_t a0 = bias[0], b0 = bias[1];
        int32_t left = n >> 4;
        do {
            mce_q a, b;
            mce_mve_weights(table, mce_q_load(w), &a, &b);
            a0 = mce_q_dot(a0, a, mce_q_load(at));
            b0 = mce_q_dot(b0, b, mce_q_load(at));
            w += 16, at += 16;
        } while (--left != 0);
        acc[0] = a0, acc[1] = b0;
    }
    return w;
}

/* acc[o] = bias[o] + sum_{i,j,c} level(code[o,i,j,c]) * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * Each group has an even number of biases. add and r are null (0) in conv2d; fixp4 says how weights are packed. */
MCE_INLINE void mce_conv2d_mve(mce_type type, int32_t fixp4, const mce_conv2d *p, const mce_conv2d_add *add,
                               const uint8_t *x, /* [x.h][x.w][x.c] */
                               const uint8_t *r, /* [y.h][y.w][y.c] */
                               uint8_t *y,       /* [y.h][y.w][y.c] */
                               mce_scratch *scratch)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t n = (p->window.kh * p->window.kw * depth + 15) & ~15, step = (outputs + 1) & ~1;
    const mce_mve_sink sink = mce_mve_sink_of(&p->y, &p->requant, add, r, y, fixp4 ? 4 : 0);
    int8_t levels[16];
    const int8_t *const table = fixp4 ? 0 : levels;
    if (!fixp4) {
        mce_mve_table(p->levels, levels);
    }
    mce_sum *const acc = (mce_sum *)(void *)scratch;
    uint8_t *const patches = (uint8_t *)(acc + MCE_MVE_PIXELS * step);
    const uint8_t *w = (const uint8_t *)p->codes, *group = w;
    const int32_t *bias = p->bias;
    for (int32_t first = 0; first < p->y.c; first += outputs, group = w, bias += step) {
        mce_cursor at = {0, 0};
        for (int32_t pixel = 0; pixel < pixels; pixel += MCE_MVE_PIXELS) {
            const int32_t count = pixels - pixel < MCE_MVE_PIXELS ? pixels - pixel : MCE_MVE_PIXELS;
            for (int32_t i = 0; i < count; i++) {
                mce_mve_gather(type, p, x, at, first / outputs * depth, depth, patches + i * n);
                mce_cursor_next(&at, p->y.w);
            }
            if (count == MCE_MVE_PIXELS) {
                w = mce_mve_sums3(table, group, patches, n, bias, acc, step, step);
            } else {
                for (int32_t i = 0; i < count; i++) {
                    w = mce_mve_sums1(table, group, patches + i * n, n, bias, acc + i * step, step);
                }
            }
            for (int32_t i = 0; i < count; i++) {
                mce_mve_store(&sink, acc + i * step, first, outputs, (pixel + i) * p->y.c + first);
            }
        }
    }
}

#endif
