/* The vector instructions of MVE (Helium: Armv8.1-M, Cortex-M55 and M85) that the kernels in kernels/mve use, one inline
 * function each on one type, 128 bits that an instruction reads as bytes, halfwords or words. Elsewhere mve_standin.h has
 * the same functions in plain C, so that those kernels also run on a PC.
 * Arm DDI 0553 (Armv8-M Architecture Reference Manual), C2, defines them. No address has to be aligned, except that of
 * words in mce_q_two and mce_q_gather. */
#ifndef MIXCOMP_INTERNAL_MVE_H
#define MIXCOMP_INTERNAL_MVE_H

#include "mixcomp/internal/arith.h"
#include "mixcomp/internal/mve_standin.h"

#if defined(__ARM_FEATURE_MVE)

#include <arm_mve.h>

typedef uint8x16_t mce_q;

/* Memory: 16 bytes, or the first n of them and zeros */
MCE_INLINE mce_q mce_q_load(const void *p)
{ return vldrbq_u8((const uint8_t *)p); }
MCE_INLINE mce_q mce_q_load_first(const void *p, int32_t n)
{ return vldrbq_z_u8((const uint8_t *)p, vctp8q((uint32_t)n)); }
MCE_INLINE void mce_q_store(void *p, mce_q v)
{ vstrbq_u8((uint8_t *)p, v); }

MCE_INLINE void mce_q_store_first(void *p, mce_q v, int32_t n)
{ vstrbq_p_u8((uint8_t *)p, v, vctp8q((uint32_t)n)); }

/* 32 bytes, from each vector in turn */
MCE_INLINE void mce_q_store_two(void *p, mce_q even, mce_q odd)
{
    const uint8x16x2_t both = {{even, odd}};
    vst2q_u8((uint8_t *)p, both);
}

/* Words p[0], p[step], p[2 * step], p[3 * step] by `steps`, from mce_q_steps(step) */
MCE_INLINE mce_q mce_q_steps(int32_t step)
{ return vreinterpretq_u8_u32(vmulq_n_u32(vidupq_n_u32(0, 4), (uint32_t)step)); }
MCE_INLINE mce_q mce_q_gather(const int32_t *p, mce_q steps)
{ return vreinterpretq_u8_s32(vldrwq_gather_offset_s32(p, vreinterpretq_u32_u8(steps))); }

/* Eight words: the even ones, the odd ones */
MCE_INLINE void mce_q_two(const int32_t *p, mce_q *even, mce_q *odd)
{
    const int32x4x2_t both = vld2q_s32(p);
    *even = vreinterpretq_u8_s32(both.val[0]);
    *odd = vreinterpretq_u8_s32(both.val[1]);
}

/* Eight bytes as halfwords and back, four bytes as words and back; storing drops the upper bits. */
MCE_INLINE mce_q mce_q_load_halves(const void *p)
{ return vreinterpretq_u8_u16(vldrbq_u16((const uint8_t *)p)); }
MCE_INLINE void mce_q_store_halves(void *p, mce_q v)
{ vstrbq_u16((uint8_t *)p, vreinterpretq_u16_u8(v)); }
MCE_INLINE void mce_q_store_halves_first(void *p, mce_q v, int32_t n)
{ vstrbq_p_u16((uint8_t *)p, vreinterpretq_u16_u8(v), vctp16q((uint32_t)n)); }
MCE_INLINE mce_q mce_q_load_words(const void *p)
{ return vreinterpretq_u8_u32(vldrbq_u32((const uint8_t *)p)); }
MCE_INLINE void mce_q_store_words(void *p, mce_q v)
{ vstrbq_u32((uint8_t *)p, vreinterpretq_u32_u8(v)); }

/* Each byte i of the result is table[v's byte i]. */
MCE_INLINE mce_q mce_q_lookup(const int8_t *table, mce_q v)
{ return vreinterpretq_u8_s8(vldrbq_gather_offset_s8(table, v)); }

/* Any lanes */
MCE_INLINE mce_q mce_q_bytes(int32_t v)
{ return vdupq_n_u8((uint8_t)v); }
MCE_INLINE mce_q mce_q_words(int32_t v)
{ return vreinterpretq_u8_s32(vdupq_n_s32(v)); }
MCE_INLINE mce_q mce_q_and(mce_q a, mce_q b)
{ return vandq_u8(a, b); }
MCE_INLINE mce_q mce_q_or(mce_q a, mce_q b)
{ return vorrq_u8(a, b); }
MCE_INLINE mce_q mce_q_xor(mce_q a, mce_q b)
{ return veorq_u8(a, b); }

/* Bytes, shifted by four bits */
MCE_INLINE mce_q mce_q_low_up(mce_q v)
{ return vshlq_n_u8(v, 4); }
MCE_INLINE mce_q mce_q_high_down(mce_q v)
{ return vshrq_n_u8(v, 4); }

/* acc + sum of 16 products of signed bytes */
MCE_INLINE int32_t mce_q_dot(int32_t acc, mce_q a, mce_q b)
{ return vmladavaq_s8(acc, vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)); }

/* Halfwords: shifted up by four bits; products of the signed even bytes, of the odd ones; sums */
MCE_INLINE mce_q mce_q_half_up(mce_q v)
{ return vreinterpretq_u8_u16(vshlq_n_u16(vreinterpretq_u16_u8(v), 4)); }
MCE_INLINE mce_q mce_q_mul_even(mce_q a, mce_q b)
{ return vreinterpretq_u8_s16(vmullbq_int_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b))); }
MCE_INLINE mce_q mce_q_mul_odd(mce_q a, mce_q b)
{ return vreinterpretq_u8_s16(vmulltq_int_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b))); }
MCE_INLINE mce_q mce_q_add16(mce_q a, mce_q b)
{ return vreinterpretq_u8_s16(vaddq_s16(vreinterpretq_s16_u8(a), vreinterpretq_s16_u8(b))); }

MCE_INLINE mce_q mce_q_half_down(mce_q v) /* by eight bits, unsigned */
{ return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(v), 8)); }

/* Words from the signed even halfwords, from the odd ones; from the unsigned */
MCE_INLINE mce_q mce_q_even(mce_q v)
{ return vreinterpretq_u8_s32(vmovlbq_s16(vreinterpretq_s16_u8(v))); }
MCE_INLINE mce_q mce_q_odd(mce_q v)
{ return vreinterpretq_u8_s32(vmovltq_s16(vreinterpretq_s16_u8(v))); }
MCE_INLINE mce_q mce_q_unsigned_even(mce_q v)
{ return vreinterpretq_u8_u32(vmovlbq_u16(vreinterpretq_u16_u8(v))); }
MCE_INLINE mce_q mce_q_unsigned_odd(mce_q v)
{ return vreinterpretq_u8_u32(vmovltq_u16(vreinterpretq_u16_u8(v))); }

/* Words: sum, with a scalar too; a << n, or a >> -n where n is negative, and the same of unsigned a; the low and the high
 * half of a product; (a * b + 2^31) >> 32 */
MCE_INLINE mce_q mce_q_add(mce_q a, mce_q b)
{ return vreinterpretq_u8_s32(vaddq_s32(vreinterpretq_s32_u8(a), vreinterpretq_s32_u8(b))); }
MCE_INLINE mce_q mce_q_add_all(mce_q a, int32_t b)
{ return vreinterpretq_u8_s32(vaddq_n_s32(vreinterpretq_s32_u8(a), b)); }
MCE_INLINE mce_q mce_q_shift(mce_q a, int32_t n)
{ return vreinterpretq_u8_s32(vshlq_r_s32(vreinterpretq_s32_u8(a), n)); }
MCE_INLINE mce_q mce_q_unsigned_shift(mce_q a, int32_t n)
{ return vreinterpretq_u8_u32(vshlq_r_u32(vreinterpretq_u32_u8(a), n)); }
MCE_INLINE mce_q mce_q_mul_low(mce_q a, mce_q b)
{ return vreinterpretq_u8_s32(vmulq_s32(vreinterpretq_s32_u8(a), vreinterpretq_s32_u8(b))); }
MCE_INLINE mce_q mce_q_mul_high(mce_q a, mce_q b)
{ return vreinterpretq_u8_s32(vmulhq_s32(vreinterpretq_s32_u8(a), vreinterpretq_s32_u8(b))); }
MCE_INLINE mce_q mce_q_mul_round(mce_q a, mce_q b)
{ return vreinterpretq_u8_s32(vrmulhq_s32(vreinterpretq_s32_u8(a), vreinterpretq_s32_u8(b))); }

/* (a + b + 2^31) >> 32 of unsigned words: their halving sum has 33 bits, less the lowest, and its two upper ones count. */
MCE_INLINE mce_q mce_q_carry(mce_q a, mce_q b)
{
    const uint32x4_t half = vhaddq_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b));
    return vreinterpretq_u8_u32(vrshrq_n_u32(half, 31));
}

/* Words: clamped to 0..15, in the upper four bits; the bits below are any. */
MCE_INLINE mce_q mce_q_clamp4(mce_q v)
{ return vreinterpretq_u8_u32(vqshluq_n_s32(vreinterpretq_s32_u8(v), 28)); }
MCE_INLINE mce_q mce_q_clamp8(mce_q v) /* 0..255, in the upper eight bits */
{ return vreinterpretq_u8_u32(vqshluq_n_s32(vreinterpretq_s32_u8(v), 24)); }

/* Words: the upper 4, 8 bits of `top`, followed by those of `next` */
MCE_INLINE mce_q mce_q_under4(mce_q top, mce_q next)
{ return vreinterpretq_u8_u32(vsriq_n_u32(vreinterpretq_u32_u8(top), vreinterpretq_u32_u8(next), 4)); }
MCE_INLINE mce_q mce_q_under8(mce_q top, mce_q next)
{ return vreinterpretq_u8_u32(vsriq_n_u32(vreinterpretq_u32_u8(top), vreinterpretq_u32_u8(next), 8)); }
/* Words: v >> 24; top >> 8 with its lowest byte from next >> 24 */
MCE_INLINE mce_q mce_q_upper_byte(mce_q v)
{ return vreinterpretq_u8_u32(vshrq_n_u32(vreinterpretq_u32_u8(v), 24)); }
MCE_INLINE mce_q mce_q_upper_bytes(mce_q top, mce_q next)
{
    const uint32x4_t down = vshrq_n_u32(vreinterpretq_u32_u8(top), 8);
    return vreinterpretq_u8_u32(vsriq_n_u32(down, vreinterpretq_u32_u8(next), 24));
}

/* Halfwords from words in turn, even and odd, clamped to 0..255 */
MCE_INLINE mce_q mce_q_narrow(mce_q even, mce_q odd)
{
    const int16x8_t low = vqmovnbq_s32(vdupq_n_s16(0), vreinterpretq_s32_u8(even));
    const int16x8_t both = vqmovntq_s32(low, vreinterpretq_s32_u8(odd));
    return vqmovunbq_s16(vreinterpretq_u8_s16(both), both);
}

#endif
#endif
