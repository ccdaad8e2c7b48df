/* Four multiply-accumulates in one SMLAD: activations 0..15, fixp4 weights of two output channels a and b.
 *
 * A lane is u_a + 4096 * w_b with u_a = w_a + 8, so T = sum x * lane = S_a + 8 * sum x + 4096 * S_b, exact in int32.
 * The generator splits the reduction into blocks in which -2048 <= S_a <= 2047 for every x; then S_a is the low 12
 * bits of T - 8 * sum x, sign extended, and the rest is S_b (|S_b| < 2^19). What overflows on the way does no harm.
 * A word holds the lanes of four weights of either channel: `word & 0xF00FF00F` and the same of the word rotated by 8. */
#ifndef MIXCOMP_INTERNAL_QUAD_DSP_H
#define MIXCOMP_INTERNAL_QUAD_DSP_H

#include "mixcomp/internal/dsp_output.h"

#define MCE_QUAD_MASK 0xF00FF00Fu

/* A block of a reduction: -8 * sum of x at either pixel, and its weights, a multiple of 8. */
typedef struct mce_quad_block {
    int32_t offset0, offset1, size;
} mce_quad_block;

/* The blocks of two interleaved pixels, x [n/4][2][2]; lengths as in mce_conv2d. Returns their end. */
MCE_INLINE mce_quad_block *mce_quad_blocks(const mce_word *x, const uint8_t *lengths, mce_quad_block *block)
{
    const uint32_t minus8 = 0xFFF8FFF8u;
    for (; *lengths != 0; lengths++, block++) {
        const int32_t length = 8 * *lengths;
        const mce_word *const end = x + length;
        int32_t s0 = 0, s1 = 0;
        do {
            uint32_t v0, v1;
            x = mce_load2(x, &v0, &v1);
            s0 = mce_smlad(v1, minus8, mce_smlad(v0, minus8, s0));
            x = mce_load2(x, &v0, &v1);
            s1 = mce_smlad(v1, minus8, mce_smlad(v0, minus8, s1));
            x = mce_load2(x, &v0, &v1);
            s0 = mce_smlad(v1, minus8, mce_smlad(v0, minus8, s0));
            x = mce_load2(x, &v0, &v1);
            s1 = mce_smlad(v1, minus8, mce_smlad(v0, minus8, s1));
        } while (x != end);
        block->offset0 = s0, block->offset1 = s1, block->size = length;
    }
    return block;
}

/* S_a of t = S_a + 4096 * S_b */
MCE_INLINE int32_t mce_quad_low(int32_t t)
{ return (int32_t)((uint32_t)t << 20) >> 20; }

/* Moves the low channel's part of a block from t to `low`; 4096 * S_b stays for the next block to add to. */
MCE_INLINE void mce_quad_take(int32_t *low, int32_t *t)
{
    const int32_t a = mce_quad_low(*t);
    *low += a;
    *t -= a;
}

/* One pair of channels at two pixels: `low` gets what the blocks give the low channel, `high` the high one's sums.
 * x: two pixels interleaved by pairs of words, [n/4][2][2]; w: a word each `step` words, for four weights. */
MCE_SHARED void mce_quad_pair(const mce_word *x, const mce_quad_block *block, const mce_quad_block *end,
                              const mce_word *w, int32_t step, int32_t *low /* [2] */, int32_t *high /* [2] */)
{
    int32_t t[2] = {0, 0};
    for (; block != end; block++) {
        t[0] = mce_wrap_add(t[0], block->offset0);
        t[1] = mce_wrap_add(t[1], block->offset1);
        for (int32_t k = 0; k < block->size; k += 4, w += step) {
            for (int32_t i = 0; i < 2; i++, x += 2) {
                t[i] = mce_smlad(x[0], *w & MCE_QUAD_MASK, t[i]);
                t[i] = mce_smlad(x[1], mce_ror(*w, 8) & MCE_QUAD_MASK, t[i]);
            }
        }
        mce_quad_take(&low[0], &t[0]);
        mce_quad_take(&low[1], &t[1]);
    }
    high[0] += t[0] >> 12;
    high[1] += t[1] >> 12;
}

#endif
