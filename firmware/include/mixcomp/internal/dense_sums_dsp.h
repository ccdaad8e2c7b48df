/* The inner loops of the dense layers in kernels/dsp. x stays packed: a word of it is parted into lane pairs on the way, in
 * the order of internal/dsp_gather.h. */
#ifndef MIXCOMP_INTERNAL_DENSE_SUMS_DSP_H
#define MIXCOMP_INTERNAL_DENSE_SUMS_DSP_H

#include "mixcomp/internal/quad_tiles_dsp.h"

/* Lane pair i of the words at x, as the gathered patches hold them. */
MCE_INLINE uint32_t mce_dense_lanes(mce_type type, const mce_word_any *x, int32_t i)
{
    if (mce_is_packed(type)) {
        return x[i >> 2] >> 4 * (i & 3) & 0x000F000Fu;
    }
    const uint32_t v = x[i >> 1] >> 8 * (i & 1);
    return type == MCE_S8 ? mce_sxtb16(v) : mce_uxtb16(v);
}

/* ---- fixp4, 8-bit x: four channels share a word; lane pair c of the first three is `word >> 4*c & 0x000F000F`, weights
 * plus 8. Those of the fourth lie on top, signed as they are: the word itself is 4096 times them and what the others
 * are, whose sums are known ---- */

typedef struct mce_dense_four {
    int32_t a, b, c, d;
} mce_dense_four;

typedef struct mce_dense_pair {
    int32_t a, b; /* two channels; of quads two pairs */
} mce_dense_pair;

#if MCE_DSP_LOOPS
#define MCE_FOUR_LANES(lane, w) /* 2 weights of 4 channels */                                                          \
    lane "and %[l], %[m], %[" w "]\n\t"                                                                                \
         "smlad %[a], %[xl], %[l], %[a]\n\t"                                                                           \
         "and %[l], %[m], %[" w "], lsr #4\n\t"                                                                        \
         "smlad %[b], %[xl], %[l], %[b]\n\t"                                                                           \
         "and %[l], %[m], %[" w "], lsr #8\n\t"                                                                        \
         "smlad %[c], %[xl], %[l], %[c]\n\t"                                                                           \
         "smlad %[d], %[xl], %[" w "], %[d]\n\t"
#define MCE_FOUR_HALF(extend)                                                                                          \
    "ldr %[v], [%[x]], #4\n\t"                                                                                         \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t" MCE_FOUR_LANES(extend " %[xl], %[v]\n\t", "wa")                                \
        MCE_FOUR_LANES(extend " %[xl], %[v], ror #8\n\t", "wb")
#define MCE_FOUR_STEP(extend) MCE_FOUR_HALF(extend) MCE_FOUR_HALF(extend)
#define MCE_FOUR_ASM(extend) /* an odd step first, then two a turn */                                                  \
    __asm__("tst %[l], #8\n\t"                                                                                         \
            "beq 1f\n\t" MCE_FOUR_STEP(extend) "cmp %[w], %[end]\n\t"                                                  \
                                               "beq 2f\n\t"                                                            \
                                               "1:\n\t" MCE_FOUR_STEP(extend)                                          \
                                                   MCE_FOUR_STEP(extend) "cmp %[w], %[end]\n\t"                        \
                                                                         "bne 1b\n\t"                                  \
                                                                         "2:"                                          \
            : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x), [w] "+r"(w), [v] "=&r"(v),              \
              [wa] "=&r"(wa), [wb] "=&r"(wb), [xl] "=&r"(xl), [l] "+r"(l)                                              \
            : [m] "r"(0x000F000Fu), [end] "r"(end)                                                                     \
            : "memory", "cc")
#endif

/* What the first three channels are in the fourth's sum. */
MCE_INLINE uint32_t mce_dense_below(int32_t a, int32_t b, int32_t c)
{ return (uint32_t)a + ((uint32_t)b << 4) + ((uint32_t)c << 8); }

/* Adds the products of n elements of x (a multiple of 8) with four channels, w [n/2]. Returns the end of w. A stretch of
 * 256 keeps the sum of the fourth, met as 4096 times it with the others below, within 20 bits: 256 * 8 * 255 < 2^19. */
MCE_INLINE const mce_word *mce_dense_masked(mce_type type, const mce_word_any *x, const mce_word *w, int32_t n,
                                            mce_dense_four *sum)
{
    int32_t a = sum->a, b = sum->b, c = sum->c, fourth = sum->d;
    for (int32_t left = n; left > 0; left -= 256) {
        const int32_t stretch = left < 256 ? left : 256;
        const mce_word *const end = w + stretch / 2;
        int32_t d = (int32_t)mce_dense_below(a, b, c);
#if MCE_DSP_LOOPS
        uint32_t v, wa, wb, xl, l = (uint32_t)stretch;
        if (type == MCE_S8) {
            MCE_FOUR_ASM("sxtb16");
        } else {
            MCE_FOUR_ASM("uxtb16");
        }
#else
        for (int32_t i = 0; w != end; w++, i++) {
            const uint32_t lanes = mce_dense_lanes(type, x, i);
            a = mce_smlad(lanes, *w & 0x000F000Fu, a);
            b = mce_smlad(lanes, *w >> 4 & 0x000F000Fu, b);
            c = mce_smlad(lanes, *w >> 8 & 0x000F000Fu, c);
            d = mce_smlad(lanes, *w, d);
        }
        x += 64;
#endif
        fourth = mce_wrap_add(fourth, (int32_t)((uint32_t)d - mce_dense_below(a, b, c)) >> 12);
    }
    sum->a = a, sum->b = b, sum->c = c, sum->d = fourth;
    return w;
}

/* The products with the last one or two channels, and what their weights have too much: 8 times the sum of x. w [n/4]:
 * nibbles 0 and 4 of a word are weights 0 and 1 of channel a, 1 and 5 of b, 2 and 6 weights 2 and 3 of a, 3 and 7 of b. */
MCE_INLINE void mce_dense_masked_pair(mce_type type, const mce_word_any *x, const mce_word *w, int32_t n,
                                      mce_dense_pair *sum)
{
    const mce_word *const end = w + n / 4;
    const uint32_t flip = type == MCE_S8 ? 0x80808080u : 0;
    uint32_t mask = 0x000F000Fu, total = 0;
    MCE_IN_REGISTER(mask);
    for (; w != end; w++, x++) {
        const uint32_t v = *x, codes = *w;
        const uint32_t even = type == MCE_S8 ? mce_sxtb16(v) : mce_uxtb16(v);
        const uint32_t odd = type == MCE_S8 ? mce_sxtb16_odd(v) : mce_uxtb16_odd(v);
        total = mce_add_bytes(v ^ flip, total);
        sum->a = mce_smlad(even, codes & mask, sum->a);
        sum->b = mce_smlad(even, codes >> 4 & mask, sum->b);
        sum->a = mce_smlad(odd, codes >> 8 & mask, sum->a);
        sum->b = mce_smlad(odd, codes >> 12 & mask, sum->b);
    }
    const int32_t offset = -8 * ((int32_t)total - (type == MCE_S8 ? 128 * n : 0));
    sum->a = mce_wrap_add(sum->a, offset);
    sum->b = mce_wrap_add(sum->b, offset);
}

/* ---- any format, by the table of internal/pair_dsp.h ---- */

#if MCE_DSP_LOOPS
#define MCE_LOOK_TAKE(w, acc, i)                                                                                       \
    "ubfx %[l], %[" w "], #8*" #i ", #8\n\t"                                                                           \
    "ldr %[l], [%[t], %[l], lsl #2]\n\t"                                                                               \
    "smlad %[" acc "], %[xl], %[l], %[" acc "]\n\t"
#define MCE_LOOK_LANE(lane, i) lane MCE_LOOK_TAKE("wa", "a", i) MCE_LOOK_TAKE("wb", "b", i)
#define MCE_LOOK_BYTES(extend)                                                                                         \
    "ldrd %[wa], %[wb], [%[w]], #8\n\tldr %[v], [%[x]], #4\n\t" MCE_LOOK_LANE(extend " %[xl], %[v]\n\t", 0)            \
        MCE_LOOK_LANE(extend " %[xl], %[v], ror #8\n\t", 1) "ldr %[v], [%[x]], #4\n\t" MCE_LOOK_LANE(                  \
            extend " %[xl], %[v]\n\t", 2) MCE_LOOK_LANE(extend " %[xl], %[v], ror #8\n\t", 3)
#define MCE_LOOK_NIBBLES                                                                                               \
    "ldrd %[wa], %[wb], [%[w]], #8\n\tldr %[v], [%[x]], #4\n\t" MCE_LOOK_LANE("and %[xl], %[v], #0x000F000F\n\t", 0)   \
        MCE_LOOK_LANE("lsr %[v], %[v], #4\n\tand %[xl], %[v], #0x000F000F\n\t", 1)                                     \
            MCE_LOOK_LANE("lsr %[v], %[v], #4\n\tand %[xl], %[v], #0x000F000F\n\t", 2)                                 \
                MCE_LOOK_LANE("lsr %[v], %[v], #4\n\tand %[xl], %[v], #0x000F000F\n\t", 3)
#define MCE_LOOK_FOUR(lane, w) /* 2 weights of 4 channels */                                                           \
    lane MCE_LOOK_TAKE(w, "a", 0) MCE_LOOK_TAKE(w, "b", 1) MCE_LOOK_TAKE(w, "c", 2) MCE_LOOK_TAKE(w, "d", 3)
#define MCE_LOOK_FOUR_BYTES(extend) /* 4 weights */                                                                    \
    "ldrd %[wa], %[wb], [%[w]], #8\n\tldr %[v], [%[x]], #4\n\t" MCE_LOOK_FOUR(extend " %[xl], %[v]\n\t", "wa")         \
        MCE_LOOK_FOUR(extend " %[xl], %[v], ror #8\n\t", "wb")
#define MCE_LOOK_FOUR_NIBBLES /* 8 weights */                                                                          \
    "ldr %[v], [%[x]], #4\n\tldrd %[wa], %[wb], [%[w]], #8\n\t" MCE_LOOK_FOUR("and %[xl], %[v], #0x000F000F\n\t",      \
                                                                              "wa")                                    \
        MCE_LOOK_FOUR("lsr %[v], %[v], #4\n\tand %[xl], %[v], #0x000F000F\n\t",                                        \
                      "wb") "ldrd %[wa], %[wb], [%[w]], #8\n\t" MCE_LOOK_FOUR("lsr %[v], %[v], #4\n\tand %[xl], "      \
                                                                              "%[v], #0x000F000F\n\t",                 \
                                                                              "wa")                                    \
            MCE_LOOK_FOUR("lsr %[v], %[v], #4\n\tand %[xl], %[v], #0x000F000F\n\t", "wb")
#define MCE_LOOK_FOUR_ASM(code)                                                                                        \
    __asm__("1:\n\t" code "cmp %[w], %[end]\n\tbne 1b"                                                                 \
            : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x), [w] "+r"(w), [v] "=&r"(v),              \
              [wa] "=&r"(wa), [wb] "=&r"(wb), [xl] "=&r"(xl), [l] "=&r"(l)                                             \
            : [t] "r"(table), [end] "r"(end)                                                                           \
            : "memory", "cc")
#define MCE_LOOK_ASM(code)                                                                                             \
    __asm__("1:\n\t" code "cmp %[w], %[end]\n\tbne 1b"                                                                 \
            : [a] "+r"(a), [b] "+r"(b), [x] "+r"(x), [w] "+r"(w), [v] "=&r"(v), [wa] "=&r"(wa), [wb] "=&r"(wb),        \
              [xl] "=&r"(xl), [l] "=&r"(l)                                                                             \
            : [t] "r"(table), [end] "r"(end)                                                                           \
            : "memory", "cc")
#endif

/* Adds the products of n elements of x (a multiple of 8) with two channels, w [n/8][2]. Returns the end of w. */
MCE_INLINE const mce_word *mce_dense_looked_up(mce_type type, const mce_word_any *x, const mce_word *w,
                                               const mce_word *table, int32_t n, mce_dense_pair *sum)
{
    const mce_word *const end = w + n / 4;
    int32_t a = sum->a, b = sum->b;
#if MCE_DSP_LOOPS
    uint32_t v, wa, wb, xl, l;
    if (mce_is_packed(type)) {
        MCE_LOOK_ASM(MCE_LOOK_NIBBLES);
    } else if (type == MCE_S8) {
        MCE_LOOK_ASM(MCE_LOOK_BYTES("sxtb16"));
    } else {
        MCE_LOOK_ASM(MCE_LOOK_BYTES("uxtb16"));
    }
#else
    for (int32_t i = 0; w != end; w += 2) {
        for (uint32_t k = 0; k < 4; k++, i++) {
            const uint32_t lanes = mce_dense_lanes(type, x, i);
            a = mce_smlad(lanes, table[w[0] >> 8 * k & 0xFFu], a);
            b = mce_smlad(lanes, table[w[1] >> 8 * k & 0xFFu], b);
        }
    }
#endif
    sum->a = a, sum->b = b;
    return w;
}

/* The same with four channels, w [n/2]: byte c of a word is two codes of channel c. */
MCE_INLINE const mce_word *mce_dense_looked_up_four(mce_type type, const mce_word_any *x, const mce_word *w,
                                                    const mce_word *table, int32_t n, mce_dense_four *sum)
{
    const mce_word *const end = w + n / 2;
    int32_t a = sum->a, b = sum->b, c = sum->c, d = sum->d;
#if MCE_DSP_LOOPS
    uint32_t v, wa, wb, xl, l;
    if (mce_is_packed(type)) {
        MCE_LOOK_FOUR_ASM(MCE_LOOK_FOUR_NIBBLES);
    } else if (type == MCE_S8) {
        MCE_LOOK_FOUR_ASM(MCE_LOOK_FOUR_BYTES("sxtb16") MCE_LOOK_FOUR_BYTES("sxtb16"));
    } else {
        MCE_LOOK_FOUR_ASM(MCE_LOOK_FOUR_BYTES("uxtb16") MCE_LOOK_FOUR_BYTES("uxtb16"));
    }
#else
    for (int32_t i = 0; w != end; w++, i++) {
        const uint32_t lanes = mce_dense_lanes(type, x, i);
        a = mce_smlad(lanes, table[*w & 0xFFu], a);
        b = mce_smlad(lanes, table[*w >> 8 & 0xFFu], b);
        c = mce_smlad(lanes, table[*w >> 16 & 0xFFu], c);
        d = mce_smlad(lanes, table[*w >> 24], d);
    }
#endif
    sum->a = a, sum->b = b, sum->c = c, sum->d = d;
    return w;
}

/* ---- fixp4, 4-bit x: the lanes of internal/quad_dsp.h ---- */

/* Sums of a pair of channels over the blocks: the low one in `low`, 4096 times the high one in `high`. w: a word each `step`
 * words, for four weights. */
MCE_INLINE void mce_dense_quads(const mce_word_any *x, const mce_quad_block *block, const mce_quad_block *end,
                                const mce_word *w, int32_t step, int32_t *low, int32_t *high)
{
    uint32_t pair = 0x000F000Fu, quad = MCE_QUAD_MASK;
    MCE_IN_REGISTER(pair);
    MCE_IN_REGISTER(quad);
    for (; block != end; block++) {
        int32_t sum = mce_wrap_add(*high, block->offset0);
        for (const mce_word_any *const stop = x + block->size / 8; x != stop; x++) {
            const uint32_t v = *x, w0 = *w, w1 = w[step];
            w += 2 * step;
            sum = mce_smlad(v & pair, w0 & quad, sum);
            sum = mce_smlad(v >> 4 & pair, mce_ror(w0, 8) & quad, sum);
            sum = mce_smlad(v >> 8 & pair, w1 & quad, sum);
            sum = mce_smlad(v >> 12 & pair, mce_ror(w1, 8) & quad, sum);
        }
        *high = sum;
        mce_quad_take(low, high);
    }
}

#if MCE_DSP

/* Four accumulators become outputs; then the next tile at 1, or on. r12 job; r0, r3, r10 and lr are spent. */
#define MCE_DENSE_END(c0, c1, c2, c3)                                                                                  \
    "ldr r3, [r12, #60]\n\t"                                                                                           \
    "ldr r0, [r12, #20]\n\t"                                                                                           \
    "ldrd r10, lr, [r12, #24]\n\t"                                                                                     \
    "cbz r3, 8f\n\t"                                                                                                   \
    "lsl " c0 ", " c0 ", r3\n\t"                                                                                       \
    "lsl " c1 ", " c1 ", r3\n\t"                                                                                       \
    "lsl " c2 ", " c2 ", r3\n\t"                                                                                       \
    "lsl " c3 ", " c3 ", r3\n\t"                                                                                       \
    "8:\n\t"                                                                                                           \
    "ldr r3, [r0]\n\t"                                                                                                 \
    "smmlar " c0 ", " c0 ", r3, lr\n\t"                                                                                \
    "ldr r3, [r0, #4]\n\t"                                                                                             \
    "smmlar " c1 ", " c1 ", r3, lr\n\t"                                                                                \
    "ldr r3, [r0, #8]\n\t"                                                                                             \
    "smmlar " c2 ", " c2 ", r3, lr\n\t"                                                                                \
    "ldr r3, [r0, #12]\n\t"                                                                                            \
    "smmlar " c3 ", " c3 ", r3, lr\n\t"                                                                                \
    "add r0, r0, r10\n\t"                                                                                              \
    "str r0, [r12, #20]\n\t"                                                                                           \
    "ldr r3, [r12, #64]\n\t"                                                                                           \
    "ldr r10, [r12, #40]\n\t"                                                                                          \
    "ldr r0, [r12, #32]\n\t"                                                                                           \
    "cmp r3, #0\n\t"                                                                                                   \
    "bne 6f\n\t"                                                                                                       \
    "usat " c0 ", #4, " c0 "\n\t"                                                                                      \
    "usat " c1 ", #4, " c1 "\n\t"                                                                                      \
    "usat " c2 ", #4, " c2 "\n\t"                                                                                      \
    "usat " c3 ", #4, " c3 "\n\t"                                                                                      \
    "orr " c0 ", " c0 ", " c1 ", lsl #4\n\t"                                                                           \
    "orr " c2 ", " c2 ", " c3 ", lsl #4\n\t"                                                                           \
    "orr " c0 ", " c0 ", " c2 ", lsl #8\n\t"                                                                           \
    "eor " c0 ", " c0 ", r10\n\t"                                                                                      \
    "strh " c0 ", [r0], #2\n\t"                                                                                        \
    "b 7f\n\t"                                                                                                         \
    "6:\n\t"                                                                                                           \
    "usat " c0 ", #8, " c0 "\n\t"                                                                                      \
    "usat " c1 ", #8, " c1 "\n\t"                                                                                      \
    "usat " c2 ", #8, " c2 "\n\t"                                                                                      \
    "usat " c3 ", #8, " c3 "\n\t"                                                                                      \
    "orr " c0 ", " c0 ", " c1 ", lsl #8\n\t"                                                                           \
    "orr " c2 ", " c2 ", " c3 ", lsl #8\n\t"                                                                           \
    "orr " c0 ", " c0 ", " c2 ", lsl #16\n\t"                                                                          \
    "eor " c0 ", " c0 ", r10\n\t"                                                                                      \
    "str " c0 ", [r0], #4\n\t"                                                                                         \
    "7:\n\t"                                                                                                           \
    "str r0, [r12, #32]\n\t"                                                                                           \
    "ldr r3, [r12, #44]\n\t"                                                                                           \
    "subs r3, r3, #1\n\t"                                                                                              \
    "str r3, [r12, #44]\n\t"                                                                                           \
    "bne 1b\n\t"

#define MCE_DENSE_PRODUCTS /* of the lane pairs r10, r11 by 4 weights of 4 channels, r8, r9 */                         \
    "and r12, r2, r8\n\t"                                                                                              \
    "and lr, r2, r9\n\t"                                                                                               \
    "smlad r4, r10, r12, r4\n\t"                                                                                       \
    "smlad r5, r10, lr, r5\n\t"                                                                                        \
    "and r8, r2, r8, ror #8\n\t"                                                                                       \
    "and r9, r2, r9, ror #8\n\t"                                                                                       \
    "smlad r4, r11, r8, r4\n\t"                                                                                        \
    "smlad r5, r11, r9, r5\n\t"
#define MCE_DENSE_HALF(shift0, shift1) /* 4 weights of 4 channels */                                                   \
    "ldrd r8, r9, [r1], #8\n\t"                                                                                        \
    "and r10, r6, r7" shift0 "\n\t"                                                                                    \
    "and r11, r6, r7" shift1 "\n\t" MCE_DENSE_PRODUCTS
#define MCE_DENSE_STEP /* 8 weights of 4 channels: 32 multiply-accumulates in 23 instructions */                       \
    "ldr r7, [r0], #4\n\t" MCE_DENSE_HALF("", ", lsr #4") MCE_DENSE_HALF(", lsr #8", ", lsr #12")

/* Tiles of four outputs, eight elements a step. r0 x, r1 w, r2 and r6 masks, r3 end of the block, r4 and r5 the pairs' sums,
 * r7 a word of x; [sp] job, [sp, #4] block, [sp, #8] what earlier blocks gave the low channels, with their bias. */
#define MCE_DENSE_TILES(step)                                                                                          \
    __asm__("push {r4-r11, lr}\n\t"                                                                                    \
            "sub sp, sp, #20\n\t"                                                                                      \
            "str r0, [sp]\n\t"                                                                                         \
            "ldr r1, [r0]\n\t"                                                                                         \
            "movw r2, #0xF00F\n\t"                                                                                     \
            "movt r2, #0xF00F\n\t"                                                                                     \
            "mov r6, #0x000F000F\n\t"                                                                                  \
            "1:\n\t"                                                                                                   \
            "ldr r12, [sp]\n\t"                                                                                        \
            "ldrd r0, lr, [r12, #4]\n\t"                                                                               \
            "ldr r3, [r12, #16]\n\t"                                                                                   \
            "str lr, [sp, #4]\n\t"                                                                                     \
            "ldr r8, [r3]\n\t"                                                                                         \
            "ldr r9, [r3, #8]\n\t"                                                                                     \
            "strd r8, r9, [sp, #8]\n\t"                                                                                \
            "ldr r4, [lr]\n\t"                                                                                         \
            "ldr r3, [lr, #8]\n\t"                                                                                     \
            "mov r5, r4\n\t"                                                                                           \
            "4:\n\t"                                                                                                   \
            "tst r3, #8\n\t"                                                                                           \
            "add r3, r1, r3, lsl #1\n\t"                                                                               \
            "beq 2f\n\t" step "cmp r1, r3\n\t"                                                                         \
            "beq 5f\n\t"                                                                                               \
            "2:\n\t" step step "cmp r1, r3\n\t"                                                                        \
            "bne 2b\n\t"                                                                                               \
            "5:\n\t"                                                                                                   \
            "ldr r12, [sp]\n\t"                                                                                        \
            "ldr lr, [sp, #4]\n\t"                                                                                     \
            "ldrd r8, r9, [sp, #8]\n\t"                                                                                \
            "ldr r3, [r12, #12]\n\t"                                                                                   \
            "cmp lr, r3\n\t"                                                                                           \
            "sbfx r3, r4, #0, #12\n\t"                                                                                 \
            "sub r4, r4, r3\n\t"                                                                                       \
            "add r8, r8, r3\n\t"                                                                                       \
            "sbfx r3, r5, #0, #12\n\t"                                                                                 \
            "sub r5, r5, r3\n\t"                                                                                       \
            "add r9, r9, r3\n\t"                                                                                       \
            "beq 3f\n\t"                                                                                               \
            "strd r8, r9, [sp, #8]\n\t"                                                                                \
            "ldr r10, [lr, #12]!\n\t"                                                                                  \
            "ldr r3, [lr, #8]\n\t"                                                                                     \
            "str lr, [sp, #4]\n\t"                                                                                     \
            "add r4, r4, r10\n\t"                                                                                      \
            "add r5, r5, r10\n\t"                                                                                      \
            "b 4b\n\t"                                                                                                 \
            "3:\n\t"                                                                                                   \
            "ldr r3, [r12, #16]\n\t"                                                                                   \
            "ldr r0, [r3, #4]\n\t"                                                                                     \
            "ldr lr, [r3, #12]\n\t"                                                                                    \
            "add r3, r3, #16\n\t"                                                                                      \
            "str r3, [r12, #16]\n\t"                                                                                   \
            "add r4, r0, r4, asr #12\n\t"                                                                              \
            "add r5, lr, r5, asr #12\n\t" MCE_DENSE_END("r8", "r4", "r9", "r5") "mov r0, r1\n\t"                       \
                                                                                "add sp, sp, #20\n\t"                  \
                                                                                "pop {r4-r11, pc}\n\t")

/* job->tiles tiles; the job's patches are x as it is, at any address. Returns the end of w. */
MCE_NAKED const mce_word *mce_dense_tiles(MCE_IN_ASM mce_quad_job *job)
{ MCE_DENSE_TILES(MCE_DENSE_STEP); }

#define MCE_FOURS_LANES(lane, w) /* 2 weights of 4 channels */                                                         \
    lane "and r12, r2, " w "\n\t"                                                                                      \
         "smlad r4, r11, r12, r4\n\t"                                                                                  \
         "and r12, r2, " w ", lsr #4\n\t"                                                                              \
         "smlad r5, r11, r12, r5\n\t"                                                                                  \
         "and r12, r2, " w ", lsr #8\n\t"                                                                              \
         "smlad r6, r11, r12, r6\n\t"                                                                                  \
         "smlad r7, r11, " w ", r7\n\t"
#define MCE_FOURS_HALF(extend)                                                                                         \
    "ldr r8, [r0], #4\n\t"                                                                                             \
    "ldrd r9, r10, [r1], #8\n\t" MCE_FOURS_LANES(extend " r11, r8\n\t", "r9")                                          \
        MCE_FOURS_LANES(extend " r11, r8, ror #8\n\t", "r10")
#define MCE_FOURS_STEP(extend) MCE_FOURS_HALF(extend) MCE_FOURS_HALF(extend)
/* As mce_dense_tiles, of bytes by mce_dense_masked; extend: UXTB16 or SXTB16. r4 to r7 sums, lr elements that are left;
 * [sp] job, [sp, #4] the fourth channel's sum. */
#define MCE_FOURS(extend)                                                                                              \
    "push {r4-r11, lr}\n\t"                                                                                            \
    "sub sp, sp, #12\n\t"                                                                                              \
    "str r0, [sp]\n\t"                                                                                                 \
    "ldr r1, [r0]\n\t"                                                                                                 \
    "mov r2, #0x000F000F\n\t"                                                                                          \
    "1:\n\t"                                                                                                           \
    "ldr r12, [sp]\n\t"                                                                                                \
    "ldr r3, [r12, #16]\n\t"                                                                                           \
    "ldrd r8, lr, [r12, #68]\n\t"                                                                                      \
    "ldr r0, [r12, #4]\n\t"                                                                                            \
    "ldm r3!, {r4-r7}\n\t"                                                                                             \
    "str r3, [r12, #16]\n\t"                                                                                           \
    "str r7, [sp, #4]\n\t"                                                                                             \
    "add r4, r4, r8\n\t"                                                                                               \
    "add r5, r5, r8\n\t"                                                                                               \
    "add r6, r6, r8\n\t"                                                                                               \
    "4:\n\t"                                                                                                           \
    "mov r3, lr\n\t"                                                                                                   \
    "cmp lr, #256\n\t"                                                                                                 \
    "it gt\n\t"                                                                                                        \
    "movgt r3, #256\n\t"                                                                                               \
    "tst r3, #8\n\t"                                                                                                   \
    "add r3, r1, r3, lsl #1\n\t"                                                                                       \
    "add r7, r4, r5, lsl #4\n\t"                                                                                       \
    "add r7, r7, r6, lsl #8\n\t"                                                                                       \
    "beq 2f\n\t" MCE_FOURS_STEP(extend) "cmp r1, r3\n\t"                                                               \
                                        "beq 5f\n\t"                                                                   \
                                        "2:\n\t" MCE_FOURS_STEP(extend)                                                \
                                            MCE_FOURS_STEP(extend) "cmp r1, r3\n\t"                                    \
                                                                   "bne 2b\n\t"                                        \
                                                                   "5:\n\t"                                            \
                                                                   "ldr r8, [sp, #4]\n\t"                              \
                                                                   "sub r7, r7, r4\n\t"                                \
                                                                   "sub r7, r7, r5, lsl #4\n\t"                        \
                                                                   "sub r7, r7, r6, lsl #8\n\t"                        \
                                                                   "add r7, r8, r7, asr #12\n\t"                       \
                                                                   "subs lr, lr, #256\n\t"                             \
                                                                   "ble 3f\n\t"                                        \
                                                                   "str r7, [sp, #4]\n\t"                              \
                                                                   "b 4b\n\t"                                          \
                                                                   "3:\n\t"                                            \
                                                                   "ldr r12, [sp]\n\t" MCE_DENSE_END(                  \
                                                                       "r4", "r5", "r6", "r7") "mov r0, r1\n\t"        \
                                                                                               "add sp, sp, #12\n\t"   \
                                                                                               "pop {r4-r11, pc}\n\t"

MCE_NAKED const mce_word *mce_dense_fours_u8(MCE_IN_ASM mce_quad_job *job)
{ __asm__(MCE_FOURS("uxtb16")); }
MCE_NAKED const mce_word *mce_dense_fours_s8(MCE_IN_ASM mce_quad_job *job)
{ __asm__(MCE_FOURS("sxtb16")); }

#else

/* The same in C, for PCs. */
static inline uint8_t *mce_dense_tile(const mce_quad_job *job, int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int32_t acc[4] = {a, b, c, d}, bits = job->bytes ? 8 : 4;
    uint32_t tile = job->flip;
    for (int32_t i = 0; i < 4; i++) {
        const int32_t v = mce_smmlar((int32_t)((uint32_t)acc[i] << job->shift), job->m[i], job->zero);
        tile ^= (bits == 4 ? mce_usat4(v) : mce_usat8(v)) << bits * i;
    }
    if (bits == 4) {
        *(mce_half_any *)job->y0 = (uint16_t)tile;
    } else {
        *(mce_word_any *)job->y0 = tile;
    }
    return job->y0 + bits / 2;
}

static inline const mce_word *mce_dense_tiles(mce_quad_job *job)
{
    const mce_word *w = job->w;
    for (; job->tiles > 0; job->tiles--, job->bias += 4, job->m += job->m_advance / 4) {
        int32_t low[2] = {job->bias[0], job->bias[2]}, high[2] = {0, 0}, inputs = 0;
        for (const mce_quad_block *block = job->blocks; block != job->last + 1; block++) {
            inputs += block->size;
        }
        for (int32_t i = 0; i < 2; i++) {
            mce_dense_quads((const mce_word_any *)job->patches, job->blocks, job->last + 1, w + i, 2, &low[i],
                            &high[i]);
        }
        w += inputs / 2;
        const int32_t acc[4] = {low[0], job->bias[1] + (high[0] >> 12), low[1], job->bias[3] + (high[1] >> 12)};
        job->y0 = mce_dense_tile(job, acc[0], acc[1], acc[2], acc[3]);
    }
    return w;
}

static inline const mce_word *mce_dense_fours(mce_type type, mce_quad_job *job)
{
    const mce_word *w = job->w;
    for (; job->tiles > 0; job->tiles--, job->bias += 4, job->m += job->m_advance / 4) {
        const int32_t *const bias = job->bias, offset = job->split.base;
        mce_dense_four sum = {mce_wrap_add(bias[0], offset), mce_wrap_add(bias[1], offset),
                              mce_wrap_add(bias[2], offset), bias[3]};
        w = mce_dense_masked(type, (const mce_word_any *)job->patches, w, job->split.reciprocal, &sum);
        job->y0 = mce_dense_tile(job, sum.a, sum.b, sum.c, sum.d);
    }
    return w;
}
static inline const mce_word *mce_dense_fours_u8(mce_quad_job *job)
{ return mce_dense_fours(MCE_U8, job); }
static inline const mce_word *mce_dense_fours_s8(mce_quad_job *job)
{ return mce_dense_fours(MCE_S8, job); }
#endif
#endif
