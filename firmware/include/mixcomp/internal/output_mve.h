/* How the kernels in kernels/mve end: accumulators of a pixel become outputs, eight channels at a time. */
#ifndef MIXCOMP_INTERNAL_OUTPUT_MVE_H
#define MIXCOMP_INTERNAL_OUTPUT_MVE_H

#include "mixcomp/internal/conv2d_w4.h"
#include "mixcomp/internal/mve.h"

/* Accumulators lie in scratch, whatever type that was declared with. */
#if defined(__GNUC__)
typedef int32_t __attribute__((__may_alias__)) mce_sum;
#else
typedef int32_t mce_sum;
#endif

/* Where outputs go and how: the same for all of a call. Signed types are clamped as unsigned ones: their sign bit is
 * flipped before, in the zero point, and after. */
typedef struct mce_mve_sink {
    const mce_tensor *to;
    const mce_requant *requant;
    const mce_conv2d_add *add; /* null (0) without a residual */
    const uint8_t *r;          /* the residual, of y's shape */
    uint8_t *y;
    int32_t excess; /* accumulators hold 2^excess times their value */
    int32_t zero;   /* of y, unsigned */
    int32_t flip;
} mce_mve_sink;

MCE_INLINE int32_t mce_mve_sign_bits(mce_type type)
{ return type == MCE_S4 ? 0x88 : type == MCE_S8 ? 0x80 : 0; }

MCE_INLINE mce_mve_sink mce_mve_sink_of(const mce_tensor *to, const mce_requant *requant, const mce_conv2d_add *add,
                                        const uint8_t *r, uint8_t *y, int32_t excess)
{
    const mce_mve_sink sink = {
        to, requant, add, r, y, excess, to->zero - mce_type_min(to->type), mce_mve_sign_bits(to->type)};
    return sink;
}

/* (acc << s) * m, + (r - r.zero << t) * n, rounded to its upper half: four outputs. The carry of the lower halves is
 * exact, both products are below 2^62. */
MCE_INLINE mce_q mce_mve_sum(mce_q acc, mce_q m, mce_q r, mce_q n)
{
    const mce_q carry = mce_q_carry(mce_q_mul_low(acc, m), mce_q_mul_low(r, n));
    return mce_q_add(mce_q_add(mce_q_mul_high(acc, m), mce_q_mul_high(r, n)), carry);
}

/* Elements 2i and 2i + 1 of eight residuals at r, a multiple of eight, as words (r - r.zero) << t */
MCE_INLINE void mce_mve_residuals(const mce_conv2d_add *add, const uint8_t *r, mce_q *even, mce_q *odd)
{
    const int32_t zero = add->r.zero - mce_type_min(add->r.type);
    const mce_q flip = mce_q_bytes(mce_mve_sign_bits(add->r.type));
    mce_q a, b;
    if (mce_is_packed(add->r.type)) {
        const mce_q v = mce_q_xor(mce_q_load_words(r), mce_q_and(flip, mce_q_words(0xFF)));
        a = mce_q_and(v, mce_q_words(0x0F));
        b = mce_q_high_down(v);
    } else {
        const mce_q v = mce_q_xor(mce_q_load_halves(r), mce_q_and(flip, mce_q_words(0x00FF00FF)));
        a = mce_q_unsigned_even(v);
        b = mce_q_unsigned_odd(v);
    }
    *even = mce_q_shift(mce_q_add_all(a, -zero), add->r_shift);
    *odd = mce_q_shift(mce_q_add_all(b, -zero), add->r_shift);
}

/* y[at + c] for 0 <= c < channels, a multiple of eight as `at` is; packed is a constant. */
MCE_INLINE void mce_mve_outputs(int32_t packed, const mce_mve_sink *s, const mce_sum *acc, int32_t o, int32_t channels,
                                int32_t at)
{
    const int32_t *m = s->requant->multiplier + o, shift = s->requant->shift - s->excess;
    const int32_t per_channel = s->requant->per_channel;
    const mce_q flip = mce_q_bytes(s->flip);
    mce_q m_even = mce_q_words(s->requant->multiplier[0]), m_odd = m_even, n = m_even;
    uint8_t *y = s->y + (packed ? at >> 1 : at);
    const uint8_t *r = 0;
    if (s->add != 0) {
        n = mce_q_words(s->add->r_multiplier);
        r = s->r + (mce_is_packed(s->add->r.type) ? at >> 1 : at);
    }
    for (; channels > 0; channels -= 8, acc += 8) {
        mce_q a, b;
        mce_q_two((const int32_t *)acc, &a, &b);
        if (per_channel != 0) {
            mce_q_two(m, &m_even, &m_odd);
            m += 8;
        }
        a = mce_q_shift(a, shift);
        b = mce_q_shift(b, shift);
        if (s->add != 0) {
            mce_q ra, rb;
            mce_mve_residuals(s->add, r, &ra, &rb);
            r += mce_is_packed(s->add->r.type) ? 4 : 8;
            a = mce_mve_sum(a, m_even, ra, n);
            b = mce_mve_sum(b, m_odd, rb, n);
        } else {
            a = mce_q_mul_round(a, m_even);
            b = mce_q_mul_round(b, m_odd);
        }
        a = mce_q_add_all(a, s->zero);
        b = mce_q_add_all(b, s->zero);
        if (packed) {
            const mce_q v = mce_q_upper_byte(mce_q_under4(mce_q_clamp4(b), mce_q_clamp4(a)));
            mce_q_store_words(y, mce_q_xor(v, flip));
            y += 4;
        } else {
            mce_q_store_halves(y, mce_q_xor(mce_q_narrow(a, b), flip));
            y += 8;
        }
    }
}

/* The same for any number of channels from any element on. */
MCE_SHARED void mce_mve_outputs_any(const mce_mve_sink *s, const mce_sum *acc, int32_t o, int32_t channels, int32_t at)
{
    const int32_t n = s->to->h * s->to->w * s->to->c;
    for (int32_t i = 0; i < channels; i++) {
        const int32_t sum = acc[i] >> s->excess;
        if (s->add != 0) {
            mce_conv2d_store_sum(s->add, s->r, s->y, at + i, n, sum, o + i);
        } else {
            const int32_t m = s->requant->multiplier[s->requant->per_channel != 0 ? o + i : 0];
            const int32_t v = mce_requantize(s->to->type, s->to->zero, sum, m, s->requant->shift);
            mce_store_any(s->to->type, s->y, at + i, n, v);
        }
    }
}

/* Outputs of channels o ... o + channels - 1 at elements from `at` on, whatever their number and type. */
MCE_INLINE void mce_mve_store(const mce_mve_sink *s, const mce_sum *acc, int32_t o, int32_t channels, int32_t at)
{
    if (channels % 8 != 0 || at % 8 != 0) {
        mce_mve_outputs_any(s, acc, o, channels, at);
    } else if (mce_is_packed(s->to->type)) {
        mce_mve_outputs(1, s, acc, o, channels, at);
    } else {
        mce_mve_outputs(0, s, acc, o, channels, at);
    }
}

#endif
