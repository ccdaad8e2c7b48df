/* The body of mce_dense_<u4|s4>_w4x2__dsp: at most two outputs; type is a constant in each of them.
 *
 * So few outputs do not pay for taking packed weights apart and for the sum of x that their offset needs: unpacking
 * would be most of the work. Here a halfword is w_a + 2048 * w_b as it is multiplied. A word of eight x meets four words
 * of codes; a block ends before the low channel's sum could leave 11 bits. */
#ifndef MIXCOMP_INTERNAL_DENSE_TWO_DSP_H
#define MIXCOMP_INTERNAL_DENSE_TWO_DSP_H

#include "mixcomp/internal/dense_dsp.h"

/* acc[o] = bias[o] + sum_i level(o,i) * x[i]
 * y[o] = clamp(y.zero + q32(acc[o], m[o], s))                                                          SPEC.md 4.3
 * codes: packing dense_two. scratch: x if it is copied. The high channel's products stay within 20 bits, and
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31. */
MCE_INLINE void mce_dense_two_dsp(mce_type type, const mce_dense *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{
    const int32_t inputs = p->x.h * p->x.w * p->x.c, outputs = p->y.h * p->y.w * p->y.c;
    const mce_word_any *words = mce_dense_words(type, x, inputs, (mce_word *)(void *)scratch);
    const mce_word *w = (const mce_word *)p->codes;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    int32_t low = p->bias[0], sums = 0;
    uint32_t mask = 0x000F000Fu;
    MCE_IN_REGISTER(mask);
    for (const uint8_t *length = p->blocks; *length != 0; length++) {
        const mce_word_any *const end = words + *length;
        do {
            const uint32_t v = *words++;
            uint32_t w0, w1, w2, w3;
            w = mce_load2(w, &w0, &w1);
            w = mce_load2(w, &w2, &w3);
            sums = mce_smlad(v & mask, w0, sums);
            sums = mce_smlad(v >> 4 & mask, w1, sums);
            sums = mce_smlad(v >> 8 & mask, w2, sums);
            sums = mce_smlad(v >> 12 & mask, w3, sums);
        } while (words != end);
        const int32_t part = (int32_t)((uint32_t)sums << 21) >> 21;
        low += part;
        sums -= part;
    }
    mce_dense_store(&sink, 0, outputs, low, mce_dense_bias(p, 1, outputs) + (sums >> 11));
}

#endif
