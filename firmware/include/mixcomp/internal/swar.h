/* Two multiply-accumulates in one 32-bit multiplication, in plain C, for cores without the DSP extension, RISC-V too.
 *
 * fixp4 weights plus 8 of two output channels a and b in the halves of a lane, u_a + 65536 * u_b: `word >> 4*i &
 * 0x000F000F` parts four lanes from a word. Times an unsigned activation x, summed up: T = sum x*u_a + 65536 * sum x*u_b,
 * with no carry between the halves while the sum of either stays below 2^16: a block of weights for which
 * plan/packing proves it. Then S = half - 8 * sum x. Signed x runs as x + 8 or x + 128; the bias makes up for it. */
#ifndef MIXCOMP_INTERNAL_SWAR_H
#define MIXCOMP_INTERNAL_SWAR_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/types.h"

#if defined(__GNUC__)
typedef uint32_t __attribute__((__may_alias__)) mce_swar_word; /* aligned to 4 bytes */
#else
typedef uint32_t mce_swar_word;
#endif

#if MCE_THUMB_LOOPS == 2

/* Four products of four channels at two pixels in 33 instructions; compilers spill here. */
#define MCE_SWAR_K(shift)                                                                                              \
    "ldrb %[at0], [%[x0]], #1\n\t"                                                                                     \
    "ldrb %[at1], [%[x1]], #1\n\t"                                                                                     \
    "and %[l], %[m], %[v0]" shift "\n\t"                                                                               \
    "mla %[t0], %[l], %[at0], %[t0]\n\t"                                                                               \
    "mla %[t1], %[l], %[at1], %[t1]\n\t"                                                                               \
    "and %[l], %[m], %[v1]" shift "\n\t"                                                                               \
    "mla %[t2], %[l], %[at0], %[t2]\n\t"                                                                               \
    "mla %[t3], %[l], %[at1], %[t3]\n\t"

#define MCE_SWAR_FOUR                                                                                                  \
    "ldrd %[v0], %[v1], [%[w]], #8\n\t" MCE_SWAR_K("") MCE_SWAR_K(", lsr #4") MCE_SWAR_K(", lsr #8")                   \
        MCE_SWAR_K(", lsr #12")

/* size products (a multiple of 8) of two pairs of channels at two pixels; the pointers advance. */
MCE_INLINE void mce_swar_4x2(const uint8_t **p0, const uint8_t **p1, const mce_swar_word **from, int32_t size,
                             uint32_t *t /* [4] */)
{
    const uint8_t *x0 = *p0, *x1 = *p1;
    const mce_swar_word *w = *from, *const end = w + size / 2;
    uint32_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, v0, v1, at0, at1, l, mask = 0x000F000Fu;
    do {
        __asm__(MCE_SWAR_FOUR MCE_SWAR_FOUR
                : [t0] "+r"(t0), [t1] "+r"(t1), [t2] "+r"(t2), [t3] "+r"(t3), [x0] "+r"(x0), [x1] "+r"(x1), [w] "+r"(w),
                  [m] "+r"(mask), [v0] "=&r"(v0), [v1] "=&r"(v1), [at0] "=&r"(at0), [at1] "=&r"(at1), [l] "=&r"(l)
                :
                : "memory");
    } while (w != end);
    t[0] = t0, t[1] = t1, t[2] = t2, t[3] = t3;
    *p0 = x0, *p1 = x1, *from = w;
}

#else

/* Written out: compilers keep a loop of four at -O2, and would shift by its variable. */
#define MCE_SWAR_K(i)                                                                                                  \
    do {                                                                                                               \
        const uint32_t at0 = x0[i], at1 = x1[i], l0 = v0 >> 4 * (i) & 0x000F000Fu, l1 = v1 >> 4 * (i) & 0x000F000Fu;   \
        t0 += l0 * at0;                                                                                                \
        t1 += l0 * at1;                                                                                                \
        t2 += l1 * at0;                                                                                                \
        t3 += l1 * at1;                                                                                                \
    } while (0)

MCE_INLINE void mce_swar_4x2(const uint8_t **p0, const uint8_t **p1, const mce_swar_word **from, int32_t size,
                             uint32_t *t /* [4] */)
{
    const uint8_t *x0 = *p0, *x1 = *p1;
    const mce_swar_word *w = *from, *const end = w + size / 2;
    uint32_t t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    do {
        const uint32_t v0 = w[0], v1 = w[1];
        MCE_SWAR_K(0);
        MCE_SWAR_K(1);
        MCE_SWAR_K(2);
        MCE_SWAR_K(3);
        x0 += 4, x1 += 4, w += 2;
    } while (w != end);
    t[0] = t0, t[1] = t1, t[2] = t2, t[3] = t3;
    *p0 = x0, *p1 = x1, *from = w;
}

#undef MCE_SWAR_K

#endif

/* size products (a multiple of 8) of a pair of channels at two pixels; the pointers advance. */
MCE_INLINE void mce_swar_2x2(const uint8_t **p0, const uint8_t **p1, const mce_swar_word **from, int32_t size,
                             uint32_t *t /* [2] */)
{
    const mce_swar_word *w = *from;
    t[0] = t[1] = 0;
    for (const uint8_t *const end = *p0 + size; *p0 != end; w++) {
        for (int32_t i = 0; i < 4; i++) {
            t[0] += (*w >> 4 * i & 0x000F000Fu) * *(*p0)++;
            t[1] += (*w >> 4 * i & 0x000F000Fu) * *(*p1)++;
        }
    }
    *from = w;
}

/* The halves of a pair's sums t at two pixels, added to those of its channels. */
MCE_INLINE void mce_swar_fold(uint32_t *v /* [4] */, const uint32_t *t /* [2] */)
{
    v[0] += t[0] & 0xFFFFu;
    v[1] += t[1] & 0xFFFFu;
    v[2] += t[0] >> 16;
    v[3] += t[1] >> 16;
}

/* The products of each of 2 * pairs channels at two pixels, added to v; lengths as in mce_conv2d; x0, x1: [n] bytes;
 * w: [n/4][pairs]. pairs is a constant, 1 or 2. Returns the end of w. */
MCE_INLINE const mce_swar_word *mce_swar_sum(int32_t pairs, const uint8_t *x0, const uint8_t *x1,
                                             const mce_swar_word *w, const uint8_t *lengths,
                                             uint32_t *v /* [pairs][2 channels][2 pixels] */)
{
    uint32_t t[4];
    for (; *lengths != 0; lengths++) {
        if (pairs == 2) {
            mce_swar_4x2(&x0, &x1, &w, 8 * *lengths, t);
            mce_swar_fold(v + 4, t + 2);
        } else {
            mce_swar_2x2(&x0, &x1, &w, 8 * *lengths, t);
        }
        mce_swar_fold(v, t);
    }
    return w;
}

#endif
