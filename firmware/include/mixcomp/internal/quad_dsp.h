/* Four multiply-accumulates in one SMLAD: activations x of 0..15, weights of two output channels a and b.
 *
 * A lane is w_a + base * w_b in a halfword, so T = sum x * lane = S_a + base * S_b, exact in int32. The generator splits the
 * reduction into blocks in which |S_a| stays below base / 2 for every x; then S_b is T / base, rounded, a multiplication
 * by `reciprocal`, and what is left is S_a. What overflows on the way does no harm.
 *
 * fixp4 lanes are made as they are needed: base is 4096, and w_a + 8 and w_b are nibbles 0 and 3 of a halfword. A word holds
 * the lanes of four weights of either channel: `word & 0xF00FF00F` and the same of the word rotated by 8. T is too large
 * by 8 * sum x, which an offset takes back. Weights of any format are decoded to lanes once for all pixels. */
#ifndef MIXCOMP_INTERNAL_QUAD_DSP_H
#define MIXCOMP_INTERNAL_QUAD_DSP_H

#include "mixcomp/internal/dsp_output.h"

#define MCE_QUAD_MASK 0xF00FF00Fu

/* How lanes lie and how their sums part; the same for all of a call. */
typedef struct mce_quad_split {
    int32_t base, reciprocal; /* about 2^32 / base */
    uint32_t mask;            /* MCE_QUAD_MASK, or 0: weights are lanes, two words for four weights instead of one */
} mce_quad_split;

/* A block of a reduction: what its sums begin with at either pixel, and its weights, a multiple of 8. */
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

/* One pair of channels at two pixels: adds to the low channel's sums and to the high one's.
 * x: two pixels interleaved by pairs of words, [n/4][2][2]; w: one or two words each `step` times that many. */
MCE_SHARED void mce_quad_pair(const mce_quad_split *split, const mce_word *x, const mce_quad_block *block,
                              const mce_quad_block *end, const mce_word *w, int32_t step, int32_t *low /* [2] */,
                              int32_t *high /* [2] */)
{
    const uint32_t mask = split->mask;
    for (; block != end; block++) {
        int32_t t[2] = {block->offset0, block->offset1};
        for (int32_t k = 0; k < block->size; k += 4, w += mask != 0 ? step : 2 * step) {
            const uint32_t first = mask != 0 ? *w & mask : w[0], second = mask != 0 ? mce_ror(*w, 8) & mask : w[1];
            for (int32_t i = 0; i < 2; i++, x += 2) {
                t[i] = mce_smlad(x[1], second, mce_smlad(x[0], first, t[i]));
            }
        }
        for (int32_t i = 0; i < 2; i++) {
            const int32_t b = mce_smmlar(t[i], split->reciprocal, 0);
            low[i] += t[i] - b * split->base;
            high[i] += b;
        }
    }
}

MCE_INLINE mce_quad_split mce_quad_split_of(int32_t base)
{
    const mce_quad_split split = {base, (int32_t)(0xFFFFFFFFu / (uint32_t)base), 0};
    return split;
}

/* The blocks of lanes: no offsets. Returns their end. */
MCE_INLINE mce_quad_block *mce_quad_lengths(const uint8_t *lengths, mce_quad_block *block)
{
    for (; *lengths != 0; lengths++, block++) {
        block->offset0 = block->offset1 = 0, block->size = 8 * *lengths;
    }
    return block;
}

#if MCE_DSP_LOOPS
#define MCE_QUAD_LANE(lane, low, high) /* of the codes at these bits of v; b is spent */                               \
    "ubfx %[" lane "], %[v], #" low ", #4\n\t"                                                                         \
    "ubfx %[b], %[v], #" high ", #4\n\t"                                                                               \
    "ldrsh %[" lane "], [%[levels], %[" lane "], lsl #1]\n\t"                                                          \
    "ldrsh %[b], [%[levels], %[b], lsl #1]\n\t"                                                                        \
    "mla %[" lane "], %[b], %[base], %[" lane "]\n\t"
#define MCE_QUAD_LANES(two, more, bits0, bits1, bits2, bits3) /* two lanes as a word; more is spent */                 \
    MCE_QUAD_LANE(two, bits0, bits1)                                                                                   \
    MCE_QUAD_LANE(more, bits2, bits3)                                                                                  \
    "pkhbt %[" two "], %[" two "], %[" more "], lsl #16\n\t"
#define MCE_QUAD_DECODE                                                                                                \
    "1:\n\tldr %[v], [%[codes]], #4\n\t" MCE_QUAD_LANES("x", "y", "0", "4", "8", "12")                                 \
        MCE_QUAD_LANES("y", "z", "16", "20", "24", "28") "strd %[x], %[y], [%[lanes]], #8\n\t"                         \
                                                         "cmp %[codes], %[end]\n\tbne 1b"
#else
/* Lane i of a word of codes. */
MCE_INLINE int32_t mce_quad_lane(uint32_t codes, uint32_t i, const int16_t *levels, int32_t base)
{ return levels[codes >> 8 * i & 0x0Fu] + base * levels[codes >> (8 * i + 4) & 0x0Fu]; }
#endif

/* n lanes, n a positive multiple of 8, from n bytes of codes, the low channel's in the low nibble. Returns the end of
 * codes. */
MCE_INLINE const mce_word *mce_quad_decode(const mce_word *codes, const int16_t *levels, int32_t base, mce_word *lanes,
                                           int32_t n)
{
    const mce_word *const end = codes + n / 4;
#if MCE_DSP_LOOPS
    uint32_t v, b, x, y, z;
    __asm__ volatile(MCE_QUAD_DECODE
                     : [codes] "+&r"(codes), [lanes] "+&r"(lanes), [v] "=&r"(v), [b] "=&r"(b), [x] "=&r"(x),
                       [y] "=&r"(y), [z] "=&r"(z)
                     : [levels] "r"(levels), [base] "r"(base), [end] "r"(end)
                     : "memory", "cc");
#else
    for (; codes != end; codes++, lanes += 2) {
        lanes[0] = mce_halves(mce_quad_lane(*codes, 0, levels, base), mce_quad_lane(*codes, 1, levels, base));
        lanes[1] = mce_halves(mce_quad_lane(*codes, 2, levels, base), mce_quad_lane(*codes, 3, levels, base));
    }
#endif
    return codes;
}

#endif
