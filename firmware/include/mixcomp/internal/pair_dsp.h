/* Two multiply-accumulates in one SMLAD: activations of any type, weights of one output channel.
 *
 * fixp4: a word holds eight weights plus 8, and `word >> 4*i & 0x000F000F` is a lane pair: no table. The sums are too
 * large by 8 * sum x, which an offset takes back. Other formats: a byte of two codes picks its lane pair from a table of
 * 256 words. */
#ifndef MIXCOMP_INTERNAL_PAIR_DSP_H
#define MIXCOMP_INTERNAL_PAIR_DSP_H

#include "mixcomp/internal/dsp_output.h"

/* Sums of two channels (a, b) at two pixels (0, 1). */
typedef struct mce_channel_pairs {
    int32_t a0, a1, b0, b1;
} mce_channel_pairs;

#if MCE_DSP_LOOPS
#define MCE_PAIR_MULTIPLY(acc)                                                                                         \
    "smlad %[" acc "0], %[x0], %[l], %[" acc "0]\n\t"                                                                  \
    "smlad %[" acc "1], %[x1], %[l], %[" acc "1]\n\t"
#define MCE_PAIR_MASK(w, acc, shift) "and %[l], %[t], %[" w "]" shift "\n\t" MCE_PAIR_MULTIPLY(acc)
#define MCE_PAIR_LOOK(w, acc, turn)                                                                                    \
    "uxtb %[l], %[" w "]" turn "\n\t"                                                                                  \
    "ldr %[l], [%[t], %[l], lsl #2]\n\t" MCE_PAIR_MULTIPLY(acc)
#define MCE_PAIR_X "ldrd %[x0], %[x1], [%[x]], #8\n\t"
#define MCE_PAIR_STEP(one, first, second, third) /* 8 weights of 2 channels at 2 pixels */                             \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t" MCE_PAIR_X one("wa", "a", "") one("wb", "b", "")                               \
        MCE_PAIR_X one("wa", "a", first) one("wb", "b", first) MCE_PAIR_X one("wa", "a", second)                       \
            one("wb", "b", second) MCE_PAIR_X one("wa", "a", third) one("wb", "b", third)
#define MCE_PAIR_ASM(step)                                                                                             \
    __asm__("1:\n\t" step "cmp %[w], %[end]\n\tbne 1b"                                                                 \
            : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [x] "+r"(x), [w] "+r"(w), [wa] "=&r"(wa),    \
              [wb] "=&r"(wb), [x0] "=&r"(x0), [x1] "=&r"(x1), [l] "=&r"(l)                                             \
            : [t] "r"(table), [end] "r"(end)                                                                           \
            : "memory", "cc")
#endif

/* Adds the products of n weights (a multiple of 8) of two channels at two pixels to t.
 * x: two pixels interleaved by words, [n/2][2]; w: [n/8][2]; table: null (0) for fixp4. Returns the end of w. */
MCE_INLINE const mce_word *mce_pair_2x2(mce_channel_pairs *t, const mce_word *x, const mce_word *w,
                                        const mce_word *pairs, int32_t n)
{
    const mce_word *const end = w + n / 4;
    int32_t a0 = t->a0, a1 = t->a1, b0 = t->b0, b1 = t->b1;
#if MCE_DSP_LOOPS
    uint32_t wa, wb, x0, x1, l;
    if (pairs == 0) {
        const uint32_t table = 0x000F000Fu;
        MCE_PAIR_ASM(MCE_PAIR_STEP(MCE_PAIR_MASK, ", lsr #4", ", lsr #8", ", lsr #12"));
    } else {
        const mce_word *const table = pairs;
        MCE_PAIR_ASM(MCE_PAIR_STEP(MCE_PAIR_LOOK, ", ror #8", ", ror #16", ", ror #24"));
    }
#else
    for (; w != end; w += 2) {
        for (uint32_t i = 0; i < 4; i++, x += 2) {
            const uint32_t la = pairs == 0 ? w[0] >> 4 * i & 0x000F000Fu : pairs[w[0] >> 8 * i & 0xFFu];
            const uint32_t lb = pairs == 0 ? w[1] >> 4 * i & 0x000F000Fu : pairs[w[1] >> 8 * i & 0xFFu];
            a0 = mce_smlad(x[0], la, a0);
            a1 = mce_smlad(x[1], la, a1);
            b0 = mce_smlad(x[0], lb, b0);
            b1 = mce_smlad(x[1], lb, b1);
        }
    }
#endif
    t->a0 = a0, t->a1 = a1, t->b0 = b0, t->b1 = b1;
    return w;
}

/* -8 * sum of x for two interleaved pixels, x [n/2][2] */
MCE_INLINE void mce_pair_offsets(const mce_word *x, int32_t n, int32_t *offset0, int32_t *offset1)
{
    int32_t s0 = 0, s1 = 0;
    for (const mce_word *const end = x + n; x != end;) {
        uint32_t v0, v1;
        x = mce_load2(x, &v0, &v1);
        s0 = mce_smlad(v0, 0xFFF8FFF8u, s0);
        s1 = mce_smlad(v1, 0xFFF8FFF8u, s1);
        x = mce_load2(x, &v0, &v1);
        s0 = mce_smlad(v0, 0xFFF8FFF8u, s0);
        s1 = mce_smlad(v1, 0xFFF8FFF8u, s1);
    }
    *offset0 = s0;
    *offset1 = s1;
}

#endif
