/* Two multiply-accumulates in one SMLAD, weights in bytes: SXTB16 makes lane pairs of bytes 0 and 2 and of 1 and 3 of a
 * word. Any activations, any levels of 8 bits; the yardstick that the 4-bit kernels are compared with. */
#ifndef MIXCOMP_INTERNAL_BYTES_DSP_H
#define MIXCOMP_INTERNAL_BYTES_DSP_H

#include "mixcomp/internal/dense_sums_dsp.h"
#include "mixcomp/internal/pair_dsp.h"

#if MCE_DSP_LOOPS
#define MCE_BYTES_LANE(turn)                                                                                           \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t"                                                                                \
    "sxtb16 %[l], %[wa]" turn "\n\t"                                                                                   \
    "smlad %[a0], %[x0], %[l], %[a0]\n\t"                                                                              \
    "smlad %[a1], %[x1], %[l], %[a1]\n\t"                                                                              \
    "sxtb16 %[l], %[wb]" turn "\n\t"                                                                                   \
    "smlad %[b0], %[x0], %[l], %[b0]\n\t"                                                                              \
    "smlad %[b1], %[x1], %[l], %[b1]\n\t"
#define MCE_BYTES_STEP /* 4 weights of 2 channels at 2 pixels */                                                       \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t" MCE_BYTES_LANE("") MCE_BYTES_LANE(", ror #8")
#define MCE_BYTES_TAKE(w, acc)                                                                                         \
    "sxtb16 %[l], %[" w "]\n\t"                                                                                        \
    "smlad %[" acc "], %[xl], %[l], %[" acc "]\n\t"                                                                    \
    "sxtb16 %[l], %[" w "], ror #8\n\t"                                                                                \
    "smlad %[" acc "], %[v], %[l], %[" acc "]\n\t"
#define MCE_BYTES_FOUR(extend) /* 4 weights of 4 channels */                                                           \
    "ldr %[v], [%[x]], #4\n\t"                                                                                         \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t" extend " %[xl], %[v]\n\t" extend                                               \
    " %[v], %[v], ror #8\n\t" MCE_BYTES_TAKE("wa", "a")                                                                \
        MCE_BYTES_TAKE("wb", "b") "ldrd %[wa], %[wb], [%[w]], #8\n\t" MCE_BYTES_TAKE("wa", "c")                        \
            MCE_BYTES_TAKE("wb", "d")
#define MCE_BYTES_ASM(extend)                                                                                          \
    __asm__("1:\n\t" MCE_BYTES_FOUR(extend) MCE_BYTES_FOUR(extend) "cmp %[w], %[end]\n\tbne 1b"                        \
            : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x), [w] "+r"(w), [v] "=&r"(v),              \
              [wa] "=&r"(wa), [wb] "=&r"(wb), [xl] "=&r"(xl), [l] "=&r"(l)                                             \
            : [end] "r"(end)                                                                                           \
            : "memory", "cc")
#define MCE_BYTES_MASKED(w, acc)                                                                                       \
    "sxtb16 %[l], %[" w "]\n\t"                                                                                        \
    "smlad %[" acc "], %[xl], %[l], %[" acc "]\n\t"                                                                    \
    "sxtb16 %[l], %[" w "], ror #8\n\t"                                                                                \
    "smlad %[" acc "], %[xh], %[l], %[" acc "]\n\t"
#define MCE_BYTES_NIBBLES /* 4 weights of 4 channels, x in the low nibbles of v and in those above them */             \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t"                                                                                \
    "and %[xl], %[v], #0x000F000F\n\t"                                                                                 \
    "lsr %[v], %[v], #4\n\t"                                                                                           \
    "and %[xh], %[v], #0x000F000F\n\t" MCE_BYTES_MASKED("wa", "a")                                                     \
        MCE_BYTES_MASKED("wb", "b") "ldrd %[wa], %[wb], [%[w]], #8\n\t" MCE_BYTES_MASKED("wa", "c")                    \
            MCE_BYTES_MASKED("wb", "d")
#define MCE_BYTES_NIBBLES_ASM                                                                                          \
    __asm__("1:\n\tldr %[v], [%[x]], #4\n\t" MCE_BYTES_NIBBLES "lsr %[v], %[v], #4\n\t" MCE_BYTES_NIBBLES              \
            "cmp %[w], %[end]\n\tbne 1b"                                                                               \
            : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x), [w] "+r"(w), [v] "=&r"(v),              \
              [wa] "=&r"(wa), [wb] "=&r"(wb), [xl] "=&r"(xl), [xh] "=&r"(xh), [l] "=&r"(l)                             \
            : [end] "r"(end)                                                                                           \
            : "memory", "cc")
#endif

/* Adds the products of n weights (a multiple of 8) of two channels at two pixels to t.
 * x: two pixels interleaved by words, [n/2][2]; w: [n/4][2], bytes 0 2 1 3 of each four. Returns the end of w. */
MCE_INLINE const mce_word *mce_bytes_2x2(mce_channel_pairs *t, const mce_word *x, const mce_word *w, int32_t n)
{
    const mce_word *const end = w + n / 2;
    int32_t a0 = t->a0, a1 = t->a1, b0 = t->b0, b1 = t->b1;
#if MCE_DSP_LOOPS
    uint32_t wa, wb, x0, x1, l;
    __asm__("1:\n\t" MCE_BYTES_STEP MCE_BYTES_STEP "cmp %[w], %[end]\n\tbne 1b"
            : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [x] "+r"(x), [w] "+r"(w), [wa] "=&r"(wa),
              [wb] "=&r"(wb), [x0] "=&r"(x0), [x1] "=&r"(x1), [l] "=&r"(l)
            : [end] "r"(end)
            : "memory", "cc");
#else
    for (; w != end; w += 2) {
        for (uint32_t i = 0; i < 2; i++, x += 2) {
            const uint32_t la = mce_sxtb16(w[0] >> 8 * i), lb = mce_sxtb16(w[1] >> 8 * i);
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

/* Adds the products of n elements of x (a multiple of 8) with four channels, w [n/4][4]: bytes 0 2 1 3 of each four in the
 * order of mce_dense_lanes. Returns the end of w. */
MCE_INLINE const mce_word *mce_dense_bytes(mce_type type, const mce_word_any *x, const mce_word *w, int32_t n,
                                           mce_dense_four *sum)
{
    const mce_word *const end = w + n;
    int32_t a = sum->a, b = sum->b, c = sum->c, d = sum->d;
#if MCE_DSP_LOOPS
    uint32_t v, wa, wb, xl, l;
    if (mce_is_packed(type)) {
        uint32_t xh;
        MCE_BYTES_NIBBLES_ASM;
    } else if (type == MCE_S8) {
        MCE_BYTES_ASM("sxtb16");
    } else {
        MCE_BYTES_ASM("uxtb16");
    }
#else
    for (int32_t i = 0; w != end; w += 4) {
        for (uint32_t k = 0; k < 2; k++, i++) {
            const uint32_t lanes = mce_dense_lanes(type, x, i);
            a = mce_smlad(lanes, mce_sxtb16(w[0] >> 8 * k), a);
            b = mce_smlad(lanes, mce_sxtb16(w[1] >> 8 * k), b);
            c = mce_smlad(lanes, mce_sxtb16(w[2] >> 8 * k), c);
            d = mce_smlad(lanes, mce_sxtb16(w[3] >> 8 * k), d);
        }
    }
#endif
    sum->a = a, sum->b = b, sum->c = c, sum->d = d;
    return w;
}

#endif
