/* The sums of recurrent layers for the DSP extension: the dense layer's of internal/dense_dsp.h, as gates. */
#ifndef MIXCOMP_INTERNAL_RECURRENT_DSP_H
#define MIXCOMP_INTERNAL_RECURRENT_DSP_H

#include "mixcomp/internal/dense_dsp.h"
#include "mixcomp/internal/recurrent.h"

/* gates[o] = clamp16(q32(acc, m[o], shift)), where it is there. */
MCE_INLINE void mce_gate_store(const mce_dense *p, const mce_steps *s, int32_t o, int32_t acc)
{
    if (o < p->y.c) {
        const int32_t m = p->requant.multiplier[p->requant.per_channel != 0 ? o : 0];
        s->gates[o] = (int16_t)mce_clamp16(mce_q32(acc, m, p->requant.shift));
    }
}

/* gates[o] = clamp16(q32(bias[o] + sum_i level(o,i) * stored[i], m[o], shift))                         SPEC.md 4.29
 * codes and bounds as those of mce_dense_dsp; scheme is MCE_FOUR, MCE_PAIR_TABLE or MCE_BYTES. */
MCE_INLINE void mce_gates_dsp(mce_type type, mce_scheme scheme, const mce_dense *p, const mce_steps *s)
{
    const int32_t outputs = p->y.c, n = (s->size + 7) & ~7;
    const mce_word_any *const words = mce_dense_words(type, s->stored, s->size, (mce_word *)(void *)s->rest);
    const mce_word *w = (const mce_word *)p->codes;
    const mce_word *const table = scheme == MCE_PAIR_TABLE ? (const mce_word *)p->levels : 0;
    const int32_t offset = scheme == MCE_FOUR && outputs > 2 ? mce_dense_offset(type, words, n) : 0;
    int32_t o = 0;
    for (; outputs - o > 2 || (scheme == MCE_BYTES && o < outputs); o += 4) {
        mce_dense_four sum = {mce_wrap_add(p->bias[o], offset), mce_wrap_add(mce_dense_bias(p, o + 1, outputs), offset),
                              mce_wrap_add(mce_dense_bias(p, o + 2, outputs), offset),
                              mce_dense_bias(p, o + 3, outputs)};
        w = mce_dense_sum_four(type, scheme, words, w, table, n, &sum);
        mce_gate_store(p, s, o, sum.a);
        mce_gate_store(p, s, o + 1, sum.b);
        mce_gate_store(p, s, o + 2, sum.c);
        mce_gate_store(p, s, o + 3, sum.d);
    }
    if (o < outputs) {
        mce_dense_pair sum = {p->bias[o], mce_dense_bias(p, o + 1, outputs)};
        if (scheme == MCE_PAIR_TABLE) {
            mce_dense_looked_up(type, words, w, table, n, &sum);
        } else {
            mce_dense_masked_pair(type, words, w, n, &sum);
        }
        mce_gate_store(p, s, o, sum.a);
        mce_gate_store(p, s, o + 1, sum.b);
    }
}

#endif
