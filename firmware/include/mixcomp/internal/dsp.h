/* Saturation, and the instructions of the DSP extension (Armv7E-M, Armv8-M Mainline with DSP) that the kernels in kernels/dsp use, one
 * inline function each. Elsewhere the same functions are plain C, so that those kernels also run on a PC.
 * Arm DDI 0403 (Armv7-M Architecture Reference Manual), A7.7, defines them. */
#ifndef MIXCOMP_INTERNAL_DSP_H
#define MIXCOMP_INTERNAL_DSP_H

#include "mixcomp/internal/arith.h"

/* -fno-omit-frame-pointer would take r7, and no macro tells of it. */
#if MCE_THUMB_LOOPS == 2 && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer", "no-tree-loop-distribute-patterns")
#endif

/* Words are read where only bytes are promised: the core allows any address, C wants to be told. */
#if defined(__GNUC__)
typedef uint32_t __attribute__((__may_alias__, __aligned__(1))) mce_word_any;
typedef uint16_t __attribute__((__may_alias__, __aligned__(1))) mce_half_any;
typedef uint32_t __attribute__((__may_alias__)) mce_word;
#else
typedef uint32_t mce_word_any;
typedef uint16_t mce_half_any;
typedef uint32_t mce_word;
#endif

/* a + b, modulo 2^32: an offset may leave int32 before the products that it belongs to bring the sum back. */
MCE_INLINE int32_t mce_wrap_add(int32_t a, int32_t b)
{ return (int32_t)((uint32_t)a + (uint32_t)b); }

/* Two signed halfwords of a word. */
MCE_INLINE int32_t mce_low16(uint32_t v)
{ return (int16_t)(v & 0xFFFFu); }
MCE_INLINE int32_t mce_high16(uint32_t v)
{ return (int16_t)(v >> 16); }

/* Two halfwords as a word. */
MCE_INLINE uint32_t mce_halves(int32_t low, int32_t high)
{ return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16; }

MCE_INLINE uint32_t mce_ror(uint32_t v, uint32_t n) /* 0 < n < 32 */
{ return v >> n | v << (32u - n); }

/* v clamped to 0..15 and 0..255 */
#if defined(__ARM_FEATURE_SAT)
MCE_INLINE uint32_t mce_usat4(int32_t v)
{
    uint32_t y;
    __asm__("usat %0, #4, %1" : "=r"(y) : "r"(v));
    return y;
}

MCE_INLINE uint32_t mce_usat8(int32_t v)
{
    uint32_t y;
    __asm__("usat %0, #8, %1" : "=r"(y) : "r"(v));
    return y;
}
#else
MCE_INLINE uint32_t mce_usat4(int32_t v)
{ return (uint32_t)(v < 0 ? 0 : v > 15 ? 15 : v); }
MCE_INLINE uint32_t mce_usat8(int32_t v)
{ return (uint32_t)(v < 0 ? 0 : v > 255 ? 255 : v); }
#endif

#if MCE_DSP

/* acc + x.low * w.low + x.high * w.high, modulo 2^32 */
MCE_INLINE int32_t mce_smlad(uint32_t x, uint32_t w, int32_t acc)
{
    int32_t y;
    __asm__("smlad %0, %1, %2, %3" : "=r"(y) : "r"(x), "r"(w), "r"(acc));
    return y;
}

/* acc + x.low * w.low */
MCE_INLINE int32_t mce_smlabb(uint32_t x, uint32_t w, int32_t acc)
{
    int32_t y;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(y) : "r"(x), "r"(w), "r"(acc));
    return y;
}

/* acc + x.high * w.high */
MCE_INLINE int32_t mce_smlatt(uint32_t x, uint32_t w, int32_t acc)
{
    int32_t y;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(y) : "r"(x), "r"(w), "r"(acc));
    return y;
}

/* add + ((acc * m + 2^31) >> 32) */
MCE_INLINE int32_t mce_smmlar(int32_t acc, int32_t m, int32_t add)
{
    int32_t y;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(y) : "r"(acc), "r"(m), "r"(add));
    return y;
}

/* a - b in each halfword */
MCE_INLINE uint32_t mce_ssub16(uint32_t a, uint32_t b)
{
    uint32_t y;
    __asm__("ssub16 %0, %1, %2" : "=r"(y) : "r"(a), "r"(b));
    return y;
}

/* acc + the sum of the four bytes of x */
MCE_INLINE uint32_t mce_add_bytes(uint32_t x, uint32_t acc)
{
    uint32_t y;
    __asm__("usada8 %0, %1, %2, %3" : "=r"(y) : "r"(x), "r"(0), "r"(acc));
    return y;
}

/* The two words at x; returns what follows them. */
MCE_INLINE const mce_word *mce_load2(const mce_word *x, uint32_t *first, uint32_t *second)
{
    __asm__("ldrd %0, %1, [%2], #8" : "=&r"(*first), "=&r"(*second), "+r"(x) : : "memory");
    return x;
}

/* The eight nibbles of the word at x as halfwords, two pairs of words 16 bytes apart; returns what follows in x. */
MCE_INLINE const mce_word_any *mce_unpack8(const mce_word_any *x, mce_word **to)
{
    uint32_t v, a, b;
    __asm__("ldr %0, [%3], #4\n\t"
            "and %1, %5, %0\n\t"
            "and %2, %5, %0, lsr #4\n\t"
            "strd %1, %2, [%4], #16\n\t"
            "and %1, %5, %0, lsr #8\n\t"
            "and %2, %5, %0, lsr #12\n\t"
            "strd %1, %2, [%4], #16"
            : "=&r"(v), "=&r"(a), "=&r"(b), "+r"(x), "+r"(*to)
            : "r"(0x000F000Fu)
            : "memory");
    return x;
}

/* bytes 0 and 2, or 1 and 3, of v as halfwords */
MCE_INLINE uint32_t mce_uxtb16(uint32_t v)
{
    uint32_t y;
    __asm__("uxtb16 %0, %1" : "=r"(y) : "r"(v));
    return y;
}
MCE_INLINE uint32_t mce_uxtb16_odd(uint32_t v)
{
    uint32_t y;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(y) : "r"(v));
    return y;
}
MCE_INLINE uint32_t mce_sxtb16(uint32_t v)
{
    uint32_t y;
    __asm__("sxtb16 %0, %1" : "=r"(y) : "r"(v));
    return y;
}
MCE_INLINE uint32_t mce_sxtb16_odd(uint32_t v)
{
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(v));
    return y;
}

#else

MCE_INLINE const mce_word *mce_load2(const mce_word *x, uint32_t *first, uint32_t *second)
{
    *first = x[0];
    *second = x[1];
    return x + 2;
}
MCE_INLINE const mce_word_any *mce_unpack8(const mce_word_any *x, mce_word **to)
{
    mce_word *const y = *to;
    for (uint32_t i = 0; i < 4; i++) {
        y[4 * (i >> 1) + (i & 1)] = *x >> 4 * i & 0x000F000Fu;
    }
    *to = y + 8;
    return x + 1;
}
MCE_INLINE int32_t mce_multiply_add(int32_t a, int32_t b, int32_t acc)
{
    int32_t sum = mce_wrap_add(acc, a * b);
    MCE_IN_REGISTER(sum);
    return sum;
}
MCE_INLINE int32_t mce_smlad(uint32_t x, uint32_t w, int32_t acc)
{ return mce_multiply_add(mce_high16(x), mce_high16(w), mce_multiply_add(mce_low16(x), mce_low16(w), acc)); }
MCE_INLINE int32_t mce_smlabb(uint32_t x, uint32_t w, int32_t acc)
{ return mce_multiply_add(mce_low16(x), mce_low16(w), acc); }
MCE_INLINE int32_t mce_smlatt(uint32_t x, uint32_t w, int32_t acc)
{ return mce_multiply_add(mce_high16(x), mce_high16(w), acc); }
MCE_INLINE int32_t mce_smmlar(int32_t acc, int32_t m, int32_t add)
{ return add + mce_multiply_high(acc, m); }
MCE_INLINE uint32_t mce_ssub16(uint32_t a, uint32_t b)
{ return mce_halves(mce_low16(a) - mce_low16(b), mce_high16(a) - mce_high16(b)); }
MCE_INLINE uint32_t mce_add_bytes(uint32_t x, uint32_t acc)
{ return acc + (x & 0xFFu) + (x >> 8 & 0xFFu) + (x >> 16 & 0xFFu) + (x >> 24); }
MCE_INLINE uint32_t mce_uxtb16(uint32_t v)
{ return v & 0x00FF00FFu; }
MCE_INLINE uint32_t mce_uxtb16_odd(uint32_t v)
{ return (v >> 8) & 0x00FF00FFu; }
MCE_INLINE uint32_t mce_sxtb16(uint32_t v)
{ return mce_halves((int8_t)(v & 0xFFu), (int8_t)(v >> 16 & 0xFFu)); }
MCE_INLINE uint32_t mce_sxtb16_odd(uint32_t v)
{ return mce_sxtb16(v >> 8); }

#endif
#endif
