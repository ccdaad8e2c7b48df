/* Elements of a tensor in memory, SPEC.md 1: one byte each, or two to a byte with the even index in the low nibble.
 * Indices are never negative. Where the type is a constant, its branches cost nothing. */
#ifndef MIXCOMP_INTERNAL_ELEMENTS_H
#define MIXCOMP_INTERNAL_ELEMENTS_H

#include "mixcomp/internal/arith.h"

MCE_INLINE int32_t mce_is_packed(mce_type type)
{ return type == MCE_U4 || type == MCE_S4; }

/* Bytes from element 0 to element `at`, an even one. */
MCE_INLINE int32_t mce_pair_bytes(int32_t packed, int32_t at)
{ return packed ? at >> 1 : at; }

/* The value of four bits, 0..15, in a packed type. */
MCE_INLINE int32_t mce_nibble(mce_type type, int32_t bits)
{ return type == MCE_S4 ? (bits ^ 8) - 8 : bits; }

/* Element i of x. */
MCE_INLINE int32_t mce_load(mce_type type, const uint8_t *x, int32_t i)
{
    if (mce_is_packed(type)) {
        return mce_nibble(type, (x[i >> 1] >> ((i & 1) * 4)) & 0x0F);
    }
    return type == MCE_S8 ? (int8_t)x[i] : x[i];
}

/* Element 2*k of x. */
MCE_INLINE int32_t mce_load_even(mce_type type, const uint8_t *x, int32_t k)
{ return mce_is_packed(type) ? mce_nibble(type, x[k] & 0x0F) : mce_load(type, x, 2 * k); }

/* Element 2*k + 1 of x. */
MCE_INLINE int32_t mce_load_odd(mce_type type, const uint8_t *x, int32_t k)
{ return mce_is_packed(type) ? mce_nibble(type, x[k] >> 4) : mce_load(type, x, 2 * k + 1); }

/* to[0..n) = x[start..start+n) */
MCE_INLINE void mce_unpack(mce_type type, const uint8_t *x, int32_t start, int32_t n, mce_scratch *to)
{
    int32_t i = 0;
    if (mce_is_packed(type)) {
        if ((start & 1) != 0) {
            to[i++] = (int16_t)mce_load(type, x, start);
        }
        for (; i + 1 < n; i += 2) {
            const int32_t k = (start + i) >> 1;
            to[i] = (int16_t)mce_load_even(type, x, k);
            to[i + 1] = (int16_t)mce_load_odd(type, x, k);
        }
    }
    for (; i < n; i++) {
        to[i] = (int16_t)mce_load(type, x, start + i);
    }
}

/* y[i] = v for kernels that write 0, 1, 2, ... in order: an even element clears the nibble above it, so that every
 * byte is defined without being read first and the spare nibble of an odd tensor is 0. */
MCE_INLINE void mce_store_next(mce_type type, uint8_t *y, int32_t i, int32_t v)
{
    if (!mce_is_packed(type)) {
        y[i] = (uint8_t)v;
    } else if ((i & 1) == 0) {
        y[i >> 1] = (uint8_t)(v & 0x0F);
    } else {
        y[i >> 1] = (uint8_t)(y[i >> 1] | (v & 0x0F) << 4);
    }
}

/* y[i] = clamp(y.zero + q32(acc, m[channel], s)), elements in order */
MCE_INLINE void mce_store_output(const mce_tensor *to, const mce_requant *requant, uint8_t *y, int32_t i, int32_t acc,
                                 int32_t channel)
{
    const int32_t m = requant->multiplier[requant->per_channel != 0 ? channel : 0];
    mce_store_next(to->type, y, i, mce_requantize(to->type, to->zero, acc, m, requant->shift));
}

/* y[i] = even and, where i + 1 < n, y[i + 1] = odd; i is even. For kernels whose y may be their x: both elements are
 * loaded before the byte that holds them changes. Where i + 1 = n, odd is 0 and fills the spare nibble. */
MCE_INLINE void mce_store_pair(mce_type type, uint8_t *y, int32_t i, int32_t n, int32_t even, int32_t odd)
{
    if (mce_is_packed(type)) {
        y[i >> 1] = (uint8_t)((even & 0x0F) | (odd & 0x0F) << 4);
        return;
    }
    y[i] = (uint8_t)even;
    if (i + 1 < n) {
        y[i + 1] = (uint8_t)odd;
    }
}

/* y[i] = v for kernels that write a tensor of n elements in any order: the other nibble is kept, except the spare one
 * of an odd tensor, which becomes 0. What the other nibble held before its own store does not matter. */
MCE_INLINE void mce_store_any(mce_type type, uint8_t *y, int32_t i, int32_t n, int32_t v)
{
    if (!mce_is_packed(type)) {
        y[i] = (uint8_t)v;
    } else if ((i & 1) != 0) {
        y[i >> 1] = (uint8_t)((y[i >> 1] & 0x0F) | (v & 0x0F) << 4);
    } else if (i + 1 == n) {
        y[i >> 1] = (uint8_t)(v & 0x0F);
    } else {
        y[i >> 1] = (uint8_t)((y[i >> 1] & 0xF0) | (v & 0x0F));
    }
}

#endif
