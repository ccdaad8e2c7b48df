/* Contract tflm in the place of q32: what includes this before its body requantizes as TensorFlow Lite Micro does. Where
 * there is one factor the words of an mce_requant are then a multiplier and its shift, which is `shift`, too; of layers with
 * weights, for each channel (for all, if not per_channel) the place of its multiplier and shift among these words. */
#ifndef MIXCOMP_INTERNAL_TFLM_H
#define MIXCOMP_INTERNAL_TFLM_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/tflm.h"

/* v / 2^n, ties away from zero; 0 <= n <= 31. >> as in arith.h. */
MCE_INLINE int32_t mce_divide_by_power(int32_t v, int32_t n)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << n) - 1u), half = (mask >> 1) + (v < 0 ? 1 : 0);
    return (v >> n) + ((v & mask) > half ? 1 : 0);
}

/* a * b / 2^31, ties up; b is not -2^31 */
MCE_INLINE int32_t mce_doubling_high(int32_t a, int32_t b)
{ return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31); }

/* tflm(acc, m * 2^(shift - 31)), 0 <= m < 2^31, -31 <= shift <= 30                                      SPEC.md 3
 * What a shift to the left pushes out of int32 is lost, as there. */
MCE_INLINE int32_t mce_tflm(int32_t acc, int32_t m, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t a = (int32_t)((uint32_t)acc << left);
    return mce_divide_by_power(mce_doubling_high(a, m), left - shift);
}

/* A term of a sum, 2^20 times finer; |v| < 2^9 and the factor is at most 1/2. */
MCE_INLINE int32_t mce_term(int32_t v, int32_t m, int32_t shift)
{ return mce_tflm(v * (1 << 20), m, shift); }

/* clamp(zero + v), for any v */
MCE_INLINE int32_t mce_end(mce_type type, int32_t zero, int32_t v)
{
    const int32_t lo = mce_type_min(type) - zero, hi = mce_type_max(type) - zero;
    return zero + (v < lo ? lo : v > hi ? hi : v);
}

/* The same held in eight bits only, less zero: what lies between two operations of one layer. */
MCE_INLINE int32_t mce_between(mce_type type, int32_t zero, int32_t v)
{ return mce_end(type == MCE_U4 ? MCE_U8 : type == MCE_S4 ? MCE_S8 : type, zero, v) - zero; }

/* clamp(zero + tflm(acc, m, s)) */
MCE_INLINE int32_t mce_tflm_requantize(mce_type type, int32_t zero, int32_t acc, int32_t m, int32_t s)
{ return mce_end(type, zero, mce_tflm(acc, m, s)); }

/* y[i] = clamp(y.zero + tflm(acc, m[channel], s[channel])), elements in order */
MCE_INLINE void mce_tflm_store_output(const mce_tensor *to, const mce_requant *requant, uint8_t *y, int32_t i,
                                      int32_t acc, int32_t channel)
{
    const int32_t *const by = requant->multiplier + requant->multiplier[requant->per_channel != 0 ? channel : 0];
    mce_store_next(to->type, y, i, mce_tflm_requantize(to->type, to->zero, acc, by[0], by[1]));
}

#define mce_q32 mce_tflm
#define mce_requantize mce_tflm_requantize
#define mce_store_output mce_tflm_store_output

#endif
