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

/* Sums of two pairs of channels (a, b) at two pixels (0, 1). */
typedef struct mce_quad {
    int32_t a0, a1, b0, b1;
} mce_quad;

#if defined(__ARM_FEATURE_DSP)
#define MCE_QUAD_STEP /* 4 weights of 4 channels at 2 pixels: 32 multiply-accumulates in 15 instructions */            \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t"                                                                                \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t"                                                                                \
    "and %[la], %[m], %[wa]\n\t"                                                                                       \
    "and %[lb], %[m], %[wb]\n\t"                                                                                       \
    "smlad %[a0], %[x0], %[la], %[a0]\n\t"                                                                             \
    "smlad %[b0], %[x0], %[lb], %[b0]\n\t"                                                                             \
    "and %[wa], %[m], %[wa], ror #8\n\t"                                                                               \
    "and %[wb], %[m], %[wb], ror #8\n\t"                                                                               \
    "smlad %[a0], %[x1], %[wa], %[a0]\n\t"                                                                             \
    "smlad %[b0], %[x1], %[wb], %[b0]\n\t"                                                                             \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t"                                                                                \
    "smlad %[a1], %[x0], %[la], %[a1]\n\t"                                                                             \
    "smlad %[b1], %[x0], %[lb], %[b1]\n\t"                                                                             \
    "smlad %[a1], %[x1], %[wa], %[a1]\n\t"                                                                             \
    "smlad %[b1], %[x1], %[wb], %[b1]\n\t"
#endif

/* Adds the products of n weights (a positive multiple of 8) of two pairs of channels at two pixels to t.
 * x: two pixels interleaved by pairs of words, [n/4][2][2], advanced; w: [n/4][2]. Returns the
 * end of w. */
MCE_INLINE const mce_word *mce_quad_4x2(mce_quad *t, const mce_word **from, const mce_word *w, int32_t n)
{
    const mce_word *x = *from;
    const mce_word *const end = w + n / 2;
    int32_t a0 = t->a0, a1 = t->a1, b0 = t->b0, b1 = t->b1;
#if defined(__ARM_FEATURE_DSP)
    uint32_t wa, wb, x0, x1, la, lb, mask = MCE_QUAD_MASK;
    do {
        __asm__(MCE_QUAD_STEP MCE_QUAD_STEP
                : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [x] "+r"(x), [w] "+r"(w), [m] "+r"(mask),
                  [wa] "=&r"(wa), [wb] "=&r"(wb), [x0] "=&r"(x0), [x1] "=&r"(x1), [la] "=&r"(la), [lb] "=&r"(lb)
                :
                : "memory");
    } while (w != end);
#else
    for (; w != end; w += 2, x += 4) {
        for (uint32_t half = 0; half < 2; half++) {
            const uint32_t la = (half != 0 ? mce_ror(w[0], 8) : w[0]) & MCE_QUAD_MASK;
            const uint32_t lb = (half != 0 ? mce_ror(w[1], 8) : w[1]) & MCE_QUAD_MASK;
            a0 = mce_smlad(x[half], la, a0);
            a1 = mce_smlad(x[2 + half], la, a1);
            b0 = mce_smlad(x[half], lb, b0);
            b1 = mce_smlad(x[2 + half], lb, b1);
        }
    }
#endif
    t->a0 = a0, t->a1 = a1, t->b0 = b0, t->b1 = b1;
    *from = x;
    return w;
}

/* The same for one pair of channels, w [n/4]; b0 and b1 stay. */
MCE_INLINE const mce_word *mce_quad_2x2(mce_quad *t, const mce_word **from, const mce_word *w, int32_t n)
{
    const mce_word *x = *from;
    for (const mce_word *const end = w + n / 4; w != end; w++, x += 4) {
        const uint32_t low = *w & MCE_QUAD_MASK, high = mce_ror(*w, 8) & MCE_QUAD_MASK;
        t->a0 = mce_smlad(x[0], low, t->a0);
        t->a0 = mce_smlad(x[1], high, t->a0);
        t->a1 = mce_smlad(x[2], low, t->a1);
        t->a1 = mce_smlad(x[3], high, t->a1);
    }
    *from = x;
    return w;
}

/* A block of a reduction: -8 * sum of x at either pixel, and its weights, a multiple of 8. */
typedef struct mce_quad_block {
    int32_t offset0, offset1, size;
} mce_quad_block;

/* The blocks of two interleaved pixels, x [n/4][2][2], of `size` weights and a rest. Returns their end. */
MCE_INLINE mce_quad_block *mce_quad_blocks(const mce_word *x, int32_t n, int32_t size, mce_quad_block *block)
{
    const uint32_t minus8 = 0xFFF8FFF8u;
    for (int32_t left = n; left > 0; left -= size, block++) {
        const int32_t length = left < size ? left : size;
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

/* What a tile of two pairs of channels comes to at two pixels: low channels base + S_a of t, high ones t >> 12 less that. */
typedef struct mce_quad_tile {
    int32_t base[4]; /* a0, a1, b0, b1: what blocks before the last gave the low channels, and their bias */
    mce_quad t;
} mce_quad_tile;

MCE_INLINE void mce_quad_take(int32_t *base, int32_t *t)
{
    const int32_t low = mce_quad_low(*t);
    *base += low;
    *t -= low;
}

/* Sums over the blocks up to `end`; `pairs` is 1 or 2. Returns the end of w. */
MCE_INLINE const mce_word *mce_quad_sum(const mce_word *x, const mce_quad_block *block, const mce_quad_block *end,
                                        const mce_word *w, int32_t pairs, mce_quad_tile *sum)
{
    mce_quad t = {block->offset0, block->offset1, block->offset0, block->offset1};
    for (;;) {
        w = pairs == 2 ? mce_quad_4x2(&t, &x, w, block->size) : mce_quad_2x2(&t, &x, w, block->size);
        if (++block == end) {
            sum->t = t;
            return w;
        }
        mce_quad_take(&sum->base[0], &t.a0);
        mce_quad_take(&sum->base[1], &t.a1);
        mce_quad_take(&sum->base[2], &t.b0);
        mce_quad_take(&sum->base[3], &t.b1);
        t.a0 += block->offset0, t.b0 += block->offset0;
        t.a1 += block->offset1, t.b1 += block->offset1;
    }
}

#endif
