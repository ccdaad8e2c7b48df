/* Integer arithmetic that all kernels share: the range of a type, and how an accumulator becomes an output. */
#ifndef MIXCOMP_INTERNAL_ARITH_H
#define MIXCOMP_INTERNAL_ARITH_H

#include "mixcomp/types.h"

/* Kernel bodies take the activation type as a constant argument; inlining is what specialises them on it. */
#if defined(__GNUC__)
#define MCE_INLINE static inline __attribute__((always_inline))
#else
#define MCE_INLINE static inline
#endif

/* Shared by several calls in a kernel; one body is enough. */
#if defined(__GNUC__)
#define MCE_SHARED static __attribute__((noinline, unused))
#else
#define MCE_SHARED static
#endif

/* Shared by several kernels of a program: each brings the body, and linkers keep one (with -ffunction-sections and
 * --gc-sections, no trace of the others). */
#if defined(__GNUC__)
#define MCE_ONCE __attribute__((weak, noinline))
#else
#define MCE_ONCE static
#endif

/* The instructions that assembly here may hold: 2 Thumb-2, 1 Thumb-1, 0 none; 1 those of the DSP extension, too. */
#if defined(__GNUC__) && defined(__thumb2__)
#define MCE_THUMB 2
#elif defined(__GNUC__) && defined(__thumb__)
#define MCE_THUMB 1
#else
#define MCE_THUMB 0
#endif
#if MCE_THUMB == 2 && defined(__ARM_FEATURE_DSP)
#define MCE_DSP 1
#else
#define MCE_DSP 0
#endif

/* The same for loops that name variables of C, which takes nearly all registers at a time. At -O0 each variable lies in
 * memory and they do not suffice; in Thumb-1 at -Os gcc gives up r8 to r12. There these loops run as their C twins: the
 * same bytes, more slowly. Functions that are all assembly serve every flag. With LTO, link at the level that compiled. */
#if !defined(__OPTIMIZE__) || (MCE_THUMB == 1 && defined(__OPTIMIZE_SIZE__))
#define MCE_THUMB_LOOPS 0
#define MCE_DSP_LOOPS 0
#else
#define MCE_THUMB_LOOPS MCE_THUMB
#define MCE_DSP_LOOPS MCE_DSP
#endif

#if MCE_THUMB

/* A function that is all assembly. Compilers see no use of its argument and no register that it changes, so gcc must not
 * reason about it (noipa); clang does not. */
#if defined(__clang__)
#define MCE_NAKED static __attribute__((naked, noinline, unused))
#else
#define MCE_NAKED static __attribute__((naked, noinline, noipa, unused))
#endif
#define MCE_IN_ASM __attribute__((unused)) /* a parameter of it */
#endif

/* Compilers must not know where v comes from. A constant is no immediate then, so that an instruction with it has room to
 * shift its other operand. A sum is no reduction then: it wraps, so it is added up as uint32_t and is an int32_t from turn
 * to turn, and gcc 12.2, having vectorized two of them side by side, returns one lane of each for the whole. */
#if defined(__GNUC__)
#define MCE_IN_REGISTER(v) __asm__("" : "+r"(v))
#else
#define MCE_IN_REGISTER(v) ((void)(v))
#endif

/* SPEC.md writes a >> n for floor(a / 2^n). C99 leaves two things to the compiler: >> of a negative number, and the
 * int32_t that a uint32_t above INT32_MAX becomes. gcc, clang, armclang and IAR all document the arithmetic shift and
 * two's complement. Only mce_round32 and mce_round_shift rely on it. */

/* (wide + 2^31) >> 32, |wide| <= 2^63 - 2^32 */
MCE_INLINE int32_t mce_round32(int64_t wide)
{ return (int32_t)((wide + ((int64_t)1 << 31)) >> 32); }

/* (a * m + more) >> 32, 0 <= m < 2^31 */
#if MCE_THUMB == 1
/* No long multiplication, and compilers call one of 64 bits. Halves: a = r0 * 2^16 + r4, m = r1 * 2^16 + r5. */
MCE_NAKED int32_t mce_multiply_more(MCE_IN_ASM int32_t a, MCE_IN_ASM int32_t m, MCE_IN_ASM int64_t more)
{
    __asm__(".syntax unified\n\t"
            "push {r4-r6, lr}\n\t"
            "uxth r4, r0\n\t"
            "asrs r0, r0, #16\n\t"
            "uxth r5, r1\n\t"
            "lsrs r1, r1, #16\n\t"
            "movs r6, r4\n\t"
            "muls r6, r5, r6\n\t"
            "muls r5, r0, r5\n\t"
            "muls r4, r1, r4\n\t"
            "muls r0, r1, r0\n\t"
            "asrs r1, r5, #16\n\t"
            "adds r0, r0, r1\n\t"
            "lsrs r1, r4, #16\n\t"
            "adds r0, r0, r1\n\t"
            "lsls r5, r5, #16\n\t"
            "lsls r4, r4, #16\n\t"
            "movs r1, #0\n\t"
            "adds r6, r6, r5\n\t"
            "adcs r0, r1\n\t"
            "adds r6, r6, r4\n\t"
            "adcs r0, r1\n\t"
            "adds r6, r6, r2\n\t"
            "adcs r0, r3\n\t"
            "pop {r4-r6, pc}");
}
#else
MCE_INLINE int32_t mce_multiply_more(int32_t a, int32_t m, int64_t more)
{ return (int32_t)((more + (int64_t)a * m) >> 32); }
#endif

/* (a * m + 2^31) >> 32, 0 <= m < 2^31, |result| <= 2^30 */
MCE_INLINE int32_t mce_multiply_high(int32_t a, int32_t m)
{
#if MCE_THUMB_LOOPS == 1 /* as below, without what compilers spill */
    uint32_t low, ml, mh, t;
    __asm__(".syntax unified\n\t"
            "uxth %[low], %[a]\n\t"
            "asrs %[a], %[a], #16\n\t"
            "uxth %[ml], %[m]\n\t"
            "lsrs %[mh], %[m], #16\n\t"
            "movs %[t], %[low]\n\t"
            "muls %[t], %[ml], %[t]\n\t"
            "lsrs %[t], %[t], #16\n\t"
            "muls %[ml], %[a], %[ml]\n\t"
            "adds %[t], %[t], %[ml]\n\t"
            "muls %[low], %[mh], %[low]\n\t"
            "muls %[a], %[mh], %[a]\n\t"
            "asrs %[ml], %[t], #16\n\t"
            "adds %[a], %[a], %[ml]\n\t"
            "lsrs %[ml], %[low], #16\n\t"
            "adds %[a], %[a], %[ml]\n\t"
            "uxth %[t], %[t]\n\t"
            "uxth %[low], %[low]\n\t"
            "adds %[t], %[t], %[low]\n\t"
            "lsrs %[t], %[t], #15\n\t"
            "adds %[t], %[t], #1\n\t"
            "lsrs %[t], %[t], #1\n\t"
            "adds %[a], %[a], %[t]"
            : [a] "+l"(a), [low] "=&l"(low), [ml] "=&l"(ml), [mh] "=&l"(mh), [t] "=&l"(t)
            : [m] "l"(m)
            : "cc");
    return a;
#elif MCE_THUMB == 1
    /* No long multiplication: 16-bit halves, a = ah * 2^16 + al, m = mh * 2^16 + ml. What is below bit 16 of al * ml cannot
     * reach the result, as 2^31 has no bit there. */
    const int32_t ah = a >> 16, mh = m >> 16;
    const uint32_t al = (uint32_t)a & 0xFFFFu, ml = (uint32_t)m & 0xFFFFu;
    const int32_t middle = ah * (int32_t)ml + (int32_t)(al * ml >> 16); /* |ah * ml| <= 2^31 - 2^15 */
    const uint32_t cross = al * (uint32_t)mh;                           /* < 2^31 */
    const uint32_t low = ((uint32_t)middle & 0xFFFFu) + (cross & 0xFFFFu) + 0x8000u;
    return ah * mh + (middle >> 16) + (int32_t)(cross >> 16) + (int32_t)(low >> 16);
#else
    return mce_round32((int64_t)a * m);
#endif
}

/* ((acc << s) * m + 2^31) >> 32                                                                        SPEC.md 3
 * 0 <= m < 2^31, 0 <= s <= 30, and acc << s fits in int32 (lowering proves it), so |result| <= 2^30. */
MCE_INLINE int32_t mce_q32(int32_t acc, int32_t m, int32_t s)
{ return mce_multiply_high(acc * ((int32_t)1 << s), m); }

/* (sum + 2^(s-1)) >> s, 1 <= s <= 30. The sum comes modulo 2^32: only its end, rounding included, must fit in int32. */
MCE_INLINE int32_t mce_round_shift(uint32_t sum, int32_t s)
{ return (int32_t)(sum + ((uint32_t)1 << (s - 1))) >> s; }

MCE_INLINE int32_t mce_type_min(mce_type type)
{ return type == MCE_S4 ? -8 : type == MCE_S8 ? -128 : 0; }

MCE_INLINE int32_t mce_type_max(mce_type type)
{ return type == MCE_U4 ? 15 : type == MCE_S4 ? 7 : type == MCE_U8 ? 255 : 127; }

MCE_INLINE int32_t mce_clamp(mce_type type, int32_t v)
{
    const int32_t lo = mce_type_min(type), hi = mce_type_max(type);
    return v < lo ? lo : v > hi ? hi : v;
}

/* clamp(zero + q32(acc, m, s)); |zero| <= 255, so the sum stays far inside int32. */
MCE_INLINE int32_t mce_requantize(mce_type type, int32_t zero, int32_t acc, int32_t m, int32_t s)
{ return mce_clamp(type, zero + mce_q32(acc, m, s)); }

#endif
