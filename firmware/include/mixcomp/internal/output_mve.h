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
    const uint8_t *r; /* the residual, of y's shape */
    uint8_t *y;
    int32_t excess; /* accumulators hold 2^excess times their value */
    int32_t zero;   /* of y, unsigned */
    int32_t flip;
} mce_mve_sink;

MCE_INLINE int32_t mce_mve_sign_bits(mce_type type)
{ return type == MCE_S4 ? 0x88 : type == MCE_S8 ? 0x80 : 0; }

MCE_INLINE mce_mve_sink mce_mve_sink_of(const mce_tensor *to, const mce_requant *requant, const uint8_t *r, uint8_t *y,
                                        int32_t excess)
{
    const mce_mve_sink sink = {
        to, requant, r, y, excess, to->zero - mce_type_min(to->type), mce_mve_sign_bits(to->type)};
    return sink;
}

/* (acc << s) * m, + (r - r.zero << t) * n, rounded to its upper half: four outputs. The carry of the lower halves is
 * exact, both products are below 2^62. */
MCE_INLINE mce_q mce_mve_sum(mce_q acc, mce_q m, mce_q r, mce_q n)
{
    const mce_q carry = mce_q_carry(mce_q_mul_low(acc, m), mce_q_mul_low(r, n));
    return mce_q_add(mce_q_add(mce_q_mul_high(acc, m), mce_q_mul_high(r, n)), carry);
}

/* The bits that differ between eight residuals, as they are loaded below, and the same as unsigned ones */
MCE_INLINE mce_q mce_mve_residual_flip(mce_type type)
{
    const int32_t bits = mce_mve_sign_bits(type);
    return mce_q_words(mce_is_packed(type) ? bits : bits << 16 | bits);
}

/* Elements 2i and 2i + 1 of eight residuals at r, a multiple of eight, as words r - min r */
MCE_INLINE void mce_mve_residuals(int32_t packed, const uint8_t *r, mce_q flip, mce_q *even, mce_q *odd)
{
    const int32_t above = packed ? 28 : 24;
    const mce_q v = mce_q_xor(packed ? mce_q_load_words(r) : mce_q_load_halves(r), flip);
    *even = mce_q_unsigned_shift(mce_q_unsigned_shift(v, above), -above);
    *odd = mce_q_unsigned_shift(v, packed ? -4 : -16);
}

/* y[at + i*y.c + c] for pixels i < count and channels c < channels, a multiple of eight as `at` is; packed,
 * per_channel and a null (0) of add are constants. Accumulators lie by two channels: those of all pixels, then
 * the next two channels at acc + pitch. */
MCE_INLINE void mce_mve_outputs(int32_t packed, int32_t per_channel, const mce_mve_sink *s, const mce_conv2d_add *add,
                                const mce_sum *acc, int32_t pitch, int32_t o, int32_t channels, int32_t at,
                                int32_t count)
{
    const int32_t shift = s->requant->shift - s->excess, zero = s->zero, r_packed = add && mce_is_packed(add->r.type);
    const int32_t r_shift = add ? add->r_shift : 0, r_zero = add ? add->r.zero - mce_type_min(add->r.type) : 0;
    const mce_q flip = mce_q_bytes(s->flip), steps = mce_q_steps(pitch);
    const mce_q n = mce_q_words(add != 0 ? add->r_multiplier : 0);
    const mce_q r_flip = add != 0 ? mce_mve_residual_flip(add->r.type) : flip;
    mce_q m_even = mce_q_words(s->requant->multiplier[0]), m_odd = m_even;
    for (; count > 0; count--, acc += 2, at += s->to->c) {
        const int32_t *m = s->requant->multiplier + o;
        const int32_t *from = (const int32_t *)acc;
        const uint8_t *r = add == 0 ? 0 : s->r + (r_packed ? at >> 1 : at);
        uint8_t *y = s->y + (packed ? at >> 1 : at);
        for (int32_t left = channels; left > 0; left -= 8, from += 4 * pitch) {
            mce_q a = mce_q_shift(mce_q_gather(from, steps), shift);
            mce_q b = mce_q_shift(mce_q_gather(from + 1, steps), shift);
            if (per_channel) {
                mce_q_two(m, &m_even, &m_odd);
                m += 8;
            }
            if (add != 0) {
                mce_q ra, rb;
                mce_mve_residuals(r_packed, r, r_flip, &ra, &rb);
                r += r_packed ? 4 : 8;
                a = mce_mve_sum(a, m_even, mce_q_shift(mce_q_add_all(ra, -r_zero), r_shift), n);
                b = mce_mve_sum(b, m_odd, mce_q_shift(mce_q_add_all(rb, -r_zero), r_shift), n);
            } else {
                a = mce_q_mul_round(a, m_even);
                b = mce_q_mul_round(b, m_odd);
            }
            a = mce_q_add_all(a, zero);
            b = mce_q_add_all(b, zero);
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
}

/* Each in a function of its own, where compilers need not spill. */
MCE_SHARED void mce_mve_outputs_4(const mce_mve_sink *s, const mce_conv2d_add *add, const mce_sum *acc, int32_t pitch,
                                  int32_t o, int32_t channels, int32_t at, int32_t count)
{
    if (s->requant->per_channel != 0) {
        mce_mve_outputs(1, 1, s, add, acc, pitch, o, channels, at, count);
    } else {
        mce_mve_outputs(1, 0, s, add, acc, pitch, o, channels, at, count);
    }
}

MCE_SHARED void mce_mve_outputs_8(const mce_mve_sink *s, const mce_conv2d_add *add, const mce_sum *acc, int32_t pitch,
                                  int32_t o, int32_t channels, int32_t at, int32_t count)
{
    if (s->requant->per_channel != 0) {
        mce_mve_outputs(0, 1, s, add, acc, pitch, o, channels, at, count);
    } else {
        mce_mve_outputs(0, 0, s, add, acc, pitch, o, channels, at, count);
    }
}

/* The same for any number of channels from any element on. */
MCE_SHARED void mce_mve_outputs_any(const mce_mve_sink *s, const mce_conv2d_add *add, const mce_sum *acc, int32_t pitch,
                                    int32_t o, int32_t channels, int32_t at, int32_t count)
{
    const int32_t n = s->to->h * s->to->w * s->to->c;
    for (; count > 0; count--, acc += 2, at += s->to->c) {
        for (int32_t c = 0; c < channels; c++) {
            const int32_t sum = acc[(c >> 1) * pitch + (c & 1)] >> s->excess;
            if (add != 0) {
                mce_conv2d_store_sum(add, s->r, s->y, at + c, n, sum, o + c);
            } else {
                const int32_t m = s->requant->multiplier[s->requant->per_channel != 0 ? o + c : 0];
                const int32_t v = mce_requantize(s->to->type, s->to->zero, sum, m, s->requant->shift);
                mce_store_any(s->to->type, s->y, at + c, n, v);
            }
        }
    }
}

/* Outputs of channels o ... o + channels - 1 of `count` pixels, whatever their number and type. */
MCE_INLINE void mce_mve_store(const mce_mve_sink *s, const mce_conv2d_add *add, const mce_sum *acc, int32_t pitch,
                              int32_t o, int32_t channels, int32_t at, int32_t count)
{
    if (channels % 8 != 0 || (count > 1 && s->to->c % 8 != 0)) {
        mce_mve_outputs_any(s, add, acc, pitch, o, channels, at, count);
    } else if (mce_is_packed(s->to->type)) {
        mce_mve_outputs_4(s, add, acc, pitch, o, channels, at, count);
    } else {
        mce_mve_outputs_8(s, add, acc, pitch, o, channels, at, count);
    }
}

/* Sixteen outputs: of channels 0 4 8 12 in a, 1 5 9 13 in b, 2 6 10 14 in c, 3 7 11 15 in d. First a and b, ... */
MCE_INLINE mce_q mce_mve_join2(int32_t packed, mce_q a, mce_q b)
{ return packed ? mce_q_under4(mce_q_clamp4(b), mce_q_clamp4(a)) : mce_q_under8(mce_q_clamp8(b), mce_q_clamp8(a)); }

/* ... then c and d: as they lie in y but for signs, eight bytes in halfwords where y is packed, else bytes. */
MCE_INLINE mce_q mce_mve_join4(int32_t packed, mce_q low, mce_q c, mce_q d)
{
    return packed ? mce_q_upper_bytes(mce_q_under4(mce_q_clamp4(d), mce_q_clamp4(c)), low)
                  : mce_q_under8(mce_q_clamp8(d), mce_q_under8(mce_q_clamp8(c), low));
}

/* n (8 or 16) of them */
MCE_INLINE void mce_mve_store16(int32_t packed, uint8_t *y, mce_q v, int32_t n)
{
    if (packed && n == 16) {
        mce_q_store_halves(y, v);
    } else if (packed) {
        mce_q_store_halves_first(y, v, 4);
    } else if (n == 16) {
        mce_q_store(y, v);
    } else {
        mce_q_store_first(y, v, 8);
    }
}

#endif
