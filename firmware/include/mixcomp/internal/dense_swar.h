/* The body of mce_dense_<act>_fx4__<v6m,v7m,swar>; type is a constant in each of them.
 *
 * Two multiply-accumulates in one multiplication, as internal/swar.h explains, for four channels at once. x stays as it
 * is: an element is parted from its word, which costs no more than loading it from a copy in bytes. */
#ifndef MIXCOMP_INTERNAL_DENSE_SWAR_H
#define MIXCOMP_INTERNAL_DENSE_SWAR_H

#include "mixcomp/internal/dense_ends.h"
#include "mixcomp/internal/swar.h"

/* Adds the products from x on with w up to end to the sums t of `step` pairs of channels, 1 or 2: words [n/4][step], n a
 * multiple of 8; on any core, x at any address. */
MCE_SHARED void mce_dense_swar_any(mce_type type, int32_t step, const mce_word_any *x, const mce_swar_word *w,
                                   const mce_swar_word *end, uint32_t *t)
{
    const uint32_t flip = type == MCE_S8 ? 0x80808080u : 0;
    const int32_t packed = mce_is_packed(type);
    uint32_t v = 0;
    for (int32_t odd = 0; w != end; w += step, odd ^= 1) {
        v = packed && odd ? v >> 4 : *x++ ^ flip;
        for (int32_t i = 0; i < 4; i++) {
            const uint32_t element = v >> 8 * i & (packed ? 0x0Fu : 0xFFu);
            for (int32_t k = 0; k < step; k++) {
                t[k] += (w[k] >> 4 * i & 0x000F000Fu) * element;
            }
        }
    }
}

#if MCE_THUMB_LOOPS == 2

#define MCE_DENSE_K(bit, bits, shift) /* an element with four channels */                                              \
    "ubfx %[at], %[v], #" bit ", #" bits "\n\t"                                                                        \
    "and %[l], %[m], %[v0]" shift "\n\t"                                                                               \
    "mla %[t0], %[l], %[at], %[t0]\n\t"                                                                                \
    "and %[l], %[m], %[v1]" shift "\n\t"                                                                               \
    "mla %[t1], %[l], %[at], %[t1]\n\t"
#define MCE_DENSE_K4(b0, b1, b2, b3, bits)                                                                             \
    "ldrd %[v0], %[v1], [%[w]], #8\n\t" MCE_DENSE_K(b0, bits, "") MCE_DENSE_K(b1, bits, ", lsr #4")                    \
        MCE_DENSE_K(b2, bits, ", lsr #8") MCE_DENSE_K(b3, bits, ", lsr #12")
#define MCE_DENSE_NIBBLES                                                                                              \
    "ldr %[v], [%[x]], #4\n\t" MCE_DENSE_K4("0", "8", "16", "24", "4") MCE_DENSE_K4("4", "12", "20", "28", "4")
#define MCE_DENSE_WORD(flip) "ldr %[v], [%[x]], #4\n\t" flip MCE_DENSE_K4("0", "8", "16", "24", "8")
#define MCE_DENSE_FLIP "eor %[v], %[v], #0x80808080\n\t"
#define MCE_DENSE_EIGHT(code)                                                                                          \
    __asm__(code                                                                                                       \
            : [t0] "+r"(t0), [t1] "+r"(t1), [x] "+r"(x), [w] "+r"(w), [m] "+r"(mask), [v] "=&r"(v), [v0] "=&r"(v0),    \
              [v1] "=&r"(v1), [at] "=&r"(at), [l] "=&r"(l)                                                             \
            :                                                                                                          \
            : "memory")

/* The same for two pairs, in 43 to 48 instructions for 32 products. */
MCE_INLINE void mce_dense_swar_four(mce_type type, const mce_word_any *x, const mce_swar_word *w,
                                    const mce_swar_word *end, uint32_t *t /* [2] */)
{
    uint32_t t0 = 0, t1 = 0, v, v0, v1, at, l, mask = 0x000F000Fu;
    do {
        if (mce_is_packed(type)) {
            MCE_DENSE_EIGHT(MCE_DENSE_NIBBLES);
        } else if (type == MCE_U8) {
            MCE_DENSE_EIGHT(MCE_DENSE_WORD("") MCE_DENSE_WORD(""));
        } else {
            MCE_DENSE_EIGHT(MCE_DENSE_WORD(MCE_DENSE_FLIP) MCE_DENSE_WORD(MCE_DENSE_FLIP));
        }
    } while (w != end);
    t[0] = t0, t[1] = t1;
}

#elif MCE_THUMB == 1

#define MCE_DENSE_TAKE(left, right) "lsls r7, r4, #" left "\n\tlsrs r7, r7, #" right "\n\t" /* an element */
#define MCE_DENSE_TOP(right) "lsrs r7, r4, #" right "\n\t"
#define MCE_DENSE_LANE(take, sum) take "ands r2, r3\n\tmuls r2, r7\n\tadd " sum ", r2\n\t"
#define MCE_DENSE_LANES(shift)                                                                                         \
    MCE_DENSE_LANE("lsrs r2, r5, #" shift "\n\t", "r12") MCE_DENSE_LANE("lsrs r2, r6, #" shift "\n\t", "r8")
#define MCE_DENSE_K4(e0, e1, e2, e3) /* four elements with four channels */                                            \
    "ldmia r1!, {r5, r6}\n\t" e0 MCE_DENSE_LANE("movs r2, r5\n\t", "r12") MCE_DENSE_LANE("movs r2, r6\n\t", "r8")      \
        e1 MCE_DENSE_LANES("4") e2 MCE_DENSE_LANES("8") e3 MCE_DENSE_LANES("12")
#define MCE_DENSE_NIBBLES                                                                                              \
    "ldmia r0!, {r4}\n\t" MCE_DENSE_K4(MCE_DENSE_TAKE("28", "28"), MCE_DENSE_TAKE("20", "28"),                         \
                                       MCE_DENSE_TAKE("12", "28"), MCE_DENSE_TAKE("4", "28"))                          \
        MCE_DENSE_K4(MCE_DENSE_TAKE("24", "28"), MCE_DENSE_TAKE("16", "28"), MCE_DENSE_TAKE("8", "28"),                \
                     MCE_DENSE_TOP("28"))
#define MCE_DENSE_WORD(flip)                                                                                           \
    "ldmia r0!, {r4}\n\t" flip MCE_DENSE_K4(MCE_DENSE_TAKE("24", "24"), MCE_DENSE_TAKE("16", "24"),                    \
                                            MCE_DENSE_TAKE("8", "24"), MCE_DENSE_TOP("24"))
#define MCE_DENSE_FLIP "ldr r7, 4f\n\teors r4, r7\n\t"
/* r0 x, r1 w, lr its end, r2 lane, r3 mask, r4 a word of x, r5 and r6 of w, r7 an element, r12 and r8 sums */
#define MCE_DENSE_BLOCK(code)                                                                                          \
    __asm__(".syntax unified\n\t"                                                                                      \
            "push {r4-r7, lr}\n\t"                                                                                     \
            "mov r4, r8\n\t"                                                                                           \
            "push {r3, r4}\n\t"                                                                                        \
            "mov lr, r2\n\t"                                                                                           \
            "ldr r3, 3f\n\t"                                                                                           \
            "movs r2, #0\n\t"                                                                                          \
            "mov r12, r2\n\t"                                                                                          \
            "mov r8, r2\n\t"                                                                                           \
            "1:\n\t" code "cmp r1, lr\n\t"                                                                             \
            "bne 1b\n\t"                                                                                               \
            "mov r1, r12\n\t"                                                                                          \
            "mov r2, r8\n\t"                                                                                           \
            "pop {r3, r4}\n\t"                                                                                         \
            "mov r8, r4\n\t"                                                                                           \
            "stmia r3!, {r1, r2}\n\t"                                                                                  \
            "pop {r4-r7, pc}\n\t"                                                                                      \
            ".balign 4\n\t"                                                                                            \
            "3: .word 0x000F000F\n\t"                                                                                  \
            "4: .word 0x80808080\n\t")
#define MCE_DENSE_ARGUMENTS                                                                                            \
    MCE_IN_ASM const mce_word_any *x, MCE_IN_ASM const mce_swar_word *w, MCE_IN_ASM const mce_swar_word *end,          \
        MCE_IN_ASM uint32_t *t

/* The same for two pairs in 83 to 89 instructions for 32 products; x is aligned. */
MCE_NAKED void mce_dense_swar_nibbles(MCE_DENSE_ARGUMENTS)
{ MCE_DENSE_BLOCK(MCE_DENSE_NIBBLES); }
MCE_NAKED void mce_dense_swar_u8(MCE_DENSE_ARGUMENTS)
{ MCE_DENSE_BLOCK(MCE_DENSE_WORD("") MCE_DENSE_WORD("")); }
MCE_NAKED void mce_dense_swar_s8(MCE_DENSE_ARGUMENTS)
{ MCE_DENSE_BLOCK(MCE_DENSE_WORD(MCE_DENSE_FLIP) MCE_DENSE_WORD(MCE_DENSE_FLIP)); }

MCE_INLINE void mce_dense_swar_four(mce_type type, const mce_word_any *x, const mce_swar_word *w,
                                    const mce_swar_word *end, uint32_t *t /* [2] */)
{
    if (((uintptr_t)x & 3u) != 0) {
        t[0] = t[1] = 0;
        mce_dense_swar_any(type, 2, x, w, end, t);
    } else if (mce_is_packed(type)) {
        mce_dense_swar_nibbles(x, w, end, t);
    } else if (type == MCE_U8) {
        mce_dense_swar_u8(x, w, end, t);
    } else {
        mce_dense_swar_s8(x, w, end, t);
    }
}

#else

/* Written out: compilers keep a loop of four at -O2, and would shift by its variable. An element at lane i of two words. */
#define MCE_DENSE_K(i, element, u, v)                                                                                  \
    do {                                                                                                               \
        const uint32_t at = element;                                                                                   \
        t0 += ((u) >> 4 * (i) & 0x000F000Fu) * at;                                                                     \
        t1 += ((v) >> 4 * (i) & 0x000F000Fu) * at;                                                                     \
    } while (0)
#define MCE_DENSE_BYTE(i)                                                                                              \
    do {                                                                                                               \
        const uint32_t byte = bytes[i];                                                                                \
        if (mce_is_packed(type)) {                                                                                     \
            MCE_DENSE_K(i, byte & 0x0Fu, w[0], w[1]);                                                                  \
            MCE_DENSE_K(i, byte >> 4, w[2], w[3]);                                                                     \
        } else {                                                                                                       \
            MCE_DENSE_K(i, byte ^ flip, w[0], w[1]);                                                                   \
        }                                                                                                              \
    } while (0)

/* The same for two pairs. x byte by byte, as it may lie at any address; its words are little-endian. */
MCE_INLINE void mce_dense_swar_four(mce_type type, const mce_word_any *x, const mce_swar_word *w,
                                    const mce_swar_word *end, uint32_t *t /* [2] */)
{
    const uint8_t *bytes = (const uint8_t *)x;
    const uint32_t flip = type == MCE_S8 ? 0x80u : 0;
    uint32_t t0 = 0, t1 = 0;
    for (; w != end; w += mce_is_packed(type) ? 4 : 2, bytes += 4) {
        MCE_DENSE_BYTE(0);
        MCE_DENSE_BYTE(1);
        MCE_DENSE_BYTE(2);
        MCE_DENSE_BYTE(3);
    }
    t[0] = t0, t[1] = t1;
}

#undef MCE_DENSE_K
#undef MCE_DENSE_BYTE

#endif

/* acc[o] = bias[o] + sum_i level(o,i) * x[i]
 * y[o] = clamp(y.zero + q32(acc[o], m[o], s))                                                          SPEC.md 4.3
 * codes: packing dense_swar. scratch: x if it is copied. (|bias| + sum |level| * max|x|) * 2^s < 2^31; sums wrap on the
 * way there. */
MCE_INLINE void mce_dense_swar(mce_type type, const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{
    const int32_t inputs = p->x.h * p->x.w * p->x.c, outputs = p->y.h * p->y.w * p->y.c, n = (inputs + 7) & ~7;
    const mce_word_any *const words = mce_dense_words(type, x, inputs, (mce_word *)(void *)scratch);
    const mce_type copied = type == MCE_S4 ? MCE_U4 : type;
    /* -8 * sum of what the products take, s8 plus 128 */
    const int32_t offset = mce_dense_offset(copied, words, n) - (type == MCE_S8 ? 8 * 128 * n : 0);
    const int32_t per_word = mce_dense_per_word(type);
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    const mce_swar_word *w = (const mce_swar_word *)p->codes;
    for (int32_t o = 0; o < outputs; o += 4) {
        const int32_t step = outputs - o > 2 ? 2 : 1;
        const mce_word_any *from = words;
        uint32_t v[4], t[2];
        for (int32_t i = 0; i < 4; i++) {
            v[i] = (uint32_t)mce_dense_bias(p, o + i, outputs) + (uint32_t)offset;
        }
        for (const uint8_t *length = p->blocks; *length != 0; length++) {
            const mce_swar_word *const end = w + 2 * *length * step;
            if (step == 2) {
                mce_dense_swar_four(copied, from, w, end, t);
            } else {
                t[0] = t[1] = 0;
                mce_dense_swar_any(copied, 1, from, w, end, t);
            }
            for (int32_t i = 0; i < 2; i++) {
                v[2 * i] += t[i] & 0xFFFFu;
                v[2 * i + 1] += t[i] >> 16;
            }
            from += 8 * *length / per_word;
            w = end;
        }
        for (int32_t i = 0; i < 2 * step; i += 2) {
            mce_dense_store(&sink, o + i, outputs, (int32_t)v[i], (int32_t)v[i + 1]);
        }
    }
}

#endif
