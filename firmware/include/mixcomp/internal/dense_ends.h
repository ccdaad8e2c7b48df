/* How the dense layers for DSP, M3 and M0+ begin and end: the words of x and their sum, two outputs. */
#ifndef MIXCOMP_INTERNAL_DENSE_ENDS_H
#define MIXCOMP_INTERNAL_DENSE_ENDS_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/dense.h"

/* Elements in a word of x. */
MCE_INLINE int32_t mce_dense_per_word(mce_type type)
{ return mce_is_packed(type) ? 8 : 4; }

/* -8 * sum of n elements of x, n a multiple of 8 */
MCE_INLINE int32_t mce_dense_offset(mce_type type, const mce_word_any *x, int32_t n)
{
    const int32_t per_word = mce_dense_per_word(type), zero = type == MCE_S8 ? 128 * n : 0;
    const mce_word_any *const end = x + n / per_word;
    const uint32_t flip = type == MCE_S8 ? 0x80808080u : 0;
    uint32_t sum = 0, mask = 0x0F0F0F0Fu;
    MCE_IN_REGISTER(mask);
    while (x != end) {
        const uint32_t v = *x++ ^ flip;
        sum = mce_add_bytes(per_word == 8 ? v & mask : v, sum);
        if (per_word == 8) {
            sum = mce_add_bytes(v >> 4 & mask, sum);
        }
    }
    return -8 * ((int32_t)sum - zero);
}

/* The words of x. They are copied where x must change: s4 becomes u4 by adding 8, and an incomplete group of eight is
 * filled with zeros. */
MCE_INLINE const mce_word_any *mce_dense_words(mce_type type, const uint8_t *x, int32_t inputs, mce_word *copy)
{
    if (type != MCE_S4 && inputs % 8 == 0) {
        return (const mce_word_any *)x;
    }
    const int32_t per_word = mce_dense_per_word(type), bits = 32 / per_word;
    for (int32_t i = 0; i < ((inputs + 7) & ~7); i += per_word) {
        uint32_t v = 0;
        for (int32_t k = 0; k < per_word && i + k < inputs; k++) {
            const uint32_t element = (uint32_t)mce_load(type, x, i + k) + (type == MCE_S4 ? 8u : 0);
            v |= (element & (mce_is_packed(type) ? 0x0Fu : 0xFFu)) << bits * k;
        }
        copy[i / per_word] = v;
    }
    return (const mce_word_any *)copy;
}

/* Writes outputs o, an even one, and o + 1 where it is there. */
MCE_INLINE void mce_dense_store(const mce_sink *s, int32_t o, int32_t outputs, int32_t a, int32_t b)
{
    const int32_t *const m = s->requant->multiplier + o * s->step, shift = s->requant->shift;
    const int32_t second = o + 1 < outputs, packed = mce_is_packed(s->to->type);
    const int32_t va = mce_smmlar((int32_t)((uint32_t)a << shift), m[0], s->zero);
    const int32_t vb = second ? mce_smmlar((int32_t)((uint32_t)b << shift), m[s->step], s->zero) : 0;
    if (packed) {
        const uint32_t both = mce_usat4(va) | mce_usat4(vb) << 4;
        s->y[o >> 1] = (uint8_t)((both ^ s->flip) & (second ? 0xFFu : 0x0Fu));
    } else {
        s->y[o] = (uint8_t)(mce_usat8(va) ^ s->flip);
        if (second) {
            s->y[o + 1] = (uint8_t)(mce_usat8(vb) ^ s->flip);
        }
    }
}

MCE_INLINE int32_t mce_dense_bias(const mce_dense *p, int32_t o, int32_t outputs)
{ return o < outputs ? p->bias[o] : 0; }

#endif
