/* Two multiply-accumulates in one 32-bit multiplication, in plain C, for cores without the DSP extension.
 *
 * fixp4 weights plus 8 of two output channels a and b in the halves of a lane, u_a + 65536 * u_b: `word >> 4*i &
 * 0x000F000F` parts four lanes from a word. Times an unsigned activation x, summed up: T = sum x*u_a + 65536 * sum x*u_b,
 * with no carry between the halves for MCE_SWAR_BLOCK_4 products of 4-bit x (288 * 15*15 < 2^16) or MCE_SWAR_BLOCK_8 of
 * 8-bit x (16 * 255*15 < 2^16). Then S = half - 8 * sum x. Signed x runs as x + 8 or x + 128; the bias makes up for it. */
#ifndef MIXCOMP_INTERNAL_SWAR_H
#define MIXCOMP_INTERNAL_SWAR_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/kernels.h"

enum { MCE_SWAR_BLOCK_4 = 288, MCE_SWAR_BLOCK_8 = 16 };

#if defined(__GNUC__)
typedef uint32_t __attribute__((__may_alias__)) mce_swar_word; /* aligned to 4 bytes */
#else
typedef uint32_t mce_swar_word;
#endif

/* Sums of two or four channels at two pixels (i), modulo 2^32: v[2*c + i]. */
typedef struct mce_swar_sums {
    uint32_t v[8];
} mce_swar_sums;

/* Four products of each channel of `pairs` (1 or 2, a constant) at two pixels. */
MCE_INLINE void mce_swar_step(int32_t pairs, const mce_swar_word *w, const uint8_t *x0, const uint8_t *x1, uint32_t *t)
{
    const uint32_t mask = 0x000F000Fu, first = w[0], second = pairs == 2 ? w[1] : 0;
    for (int32_t i = 0; i < 4; i++) {
        const uint32_t at0 = x0[i], at1 = x1[i], lanes = first >> 4 * i & mask;
        t[0] += lanes * at0;
        t[1] += lanes * at1;
        if (pairs == 2) {
            const uint32_t more = second >> 4 * i & mask;
            t[2] += more * at0;
            t[3] += more * at1;
        }
    }
}

/* n products (a multiple of 4) of each channel at two pixels; x0, x1: [n] bytes; w: [n/4][pairs]. Returns the end of w. */
MCE_INLINE const mce_swar_word *mce_swar_sum(int32_t pairs, const uint8_t *x0, const uint8_t *x1,
                                             const mce_swar_word *w, int32_t n, int32_t block, mce_swar_sums *s)
{
    while (n > 0) {
        const int32_t size = n < block ? n : block;
        const uint8_t *const end = x0 + size;
        uint32_t t[4] = {0, 0, 0, 0};
        do {
            mce_swar_step(pairs, w, x0, x1, t);
            w += pairs;
            x0 += 4;
            x1 += 4;
        } while (x0 != end);
        for (int32_t i = 0; i < 2 * pairs; i++) {
            const int32_t at = i < 2 ? i : i + 2;
            s->v[at] += t[i] & 0xFFFFu;
            s->v[at + 2] += t[i] >> 16;
        }
        n -= size;
    }
    return w;
}

/* ((acc << s) * m + 2^31) >> 32 from 16-bit halves: cores without a long multiplication need a fourth of a library call.
 * With A = acc << s = ah * 2^16 + al and m = mh * 2^16 + ml: what is below bit 16 of al*ml cannot reach the result, as
 * 2^31 has no bit there. */
MCE_INLINE int32_t mce_swar_q32(int32_t acc, int32_t m, int32_t s)
{
    const int32_t scaled = (int32_t)((uint32_t)acc << s);
    const int32_t ah = scaled >> 16, mh = m >> 16;
    const uint32_t al = (uint32_t)scaled & 0xFFFFu, ml = (uint32_t)m & 0xFFFFu;
    const int32_t middle = ah * (int32_t)ml + (int32_t)(al * ml >> 16); /* |ah * ml| <= 2^31 - 2^15 */
    const uint32_t cross = al * (uint32_t)mh;                          /* < 2^31 */
    const uint32_t low = ((uint32_t)middle & 0xFFFFu) + (cross & 0xFFFFu) + 0x8000u;
    return ah * mh + (middle >> 16) + (int32_t)(cross >> 16) + (int32_t)(low >> 16);
}

#endif
