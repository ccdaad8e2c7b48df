/* The functions of mve.h in plain C, for machines without MVE. They say what each instruction computes. Called, not inlined:
 * inlined, a kernel takes ten times as long to compile under the sanitizers. */
#ifndef MIXCOMP_INTERNAL_MVE_STANDIN_H
#define MIXCOMP_INTERNAL_MVE_STANDIN_H

#include "mixcomp/internal/arith.h"

#if !defined(__ARM_FEATURE_MVE)

/* Little endian: byte 0 is the low byte of halfword 0 and word 0. */
typedef union mce_q {
    uint8_t u8[16];
    int8_t s8[16];
    uint16_t u16[8];
    int16_t s16[8];
    uint32_t u32[4];
    int32_t s32[4];
} mce_q;

/* A function of its arguments that sets r.lanes[i] for each of n lanes */
#define MCE_Q_LANES(head, n, lanes, value)                                                                             \
    MCE_SHARED mce_q head                                                                                              \
    {                                                                                                                  \
        mce_q r;                                                                                                       \
        for (int32_t i = 0; i < (n); i++) {                                                                            \
            r.lanes[i] = value;                                                                                        \
        }                                                                                                              \
        return r;                                                                                                      \
    }

MCE_Q_LANES(mce_q_load(const void *p), 16, u8, ((const uint8_t *)p)[i])
MCE_Q_LANES(mce_q_load_first(const void *p, int32_t n), 16, u8, i < n ? ((const uint8_t *)p)[i] : (uint8_t)0)
MCE_Q_LANES(mce_q_load_halves(const void *p), 8, u16, ((const uint8_t *)p)[i])
MCE_Q_LANES(mce_q_load_words(const void *p), 4, u32, ((const uint8_t *)p)[i])
MCE_Q_LANES(mce_q_steps(int32_t step), 4, u32, (uint32_t)(4 * step * i))
MCE_Q_LANES(mce_q_gather(const int32_t *p, mce_q steps), 4, s32, p[steps.u32[i] / 4])
MCE_Q_LANES(mce_q_lookup(const int8_t *table, mce_q v), 16, s8, table[v.u8[i]])
MCE_Q_LANES(mce_q_bytes(int32_t v), 16, u8, (uint8_t)v)
MCE_Q_LANES(mce_q_words(int32_t v), 4, s32, v)
MCE_Q_LANES(mce_q_and(mce_q a, mce_q b), 4, u32, a.u32[i] & b.u32[i])
MCE_Q_LANES(mce_q_or(mce_q a, mce_q b), 4, u32, a.u32[i] | b.u32[i])
MCE_Q_LANES(mce_q_xor(mce_q a, mce_q b), 4, u32, a.u32[i] ^ b.u32[i])
MCE_Q_LANES(mce_q_low_up(mce_q v), 16, u8, (uint8_t)(v.u8[i] << 4))
MCE_Q_LANES(mce_q_high_down(mce_q v), 16, u8, (uint8_t)(v.u8[i] >> 4))
MCE_Q_LANES(mce_q_half_up(mce_q v), 8, u16, (uint16_t)(v.u16[i] << 4))
MCE_Q_LANES(mce_q_half_down(mce_q v), 8, u16, (uint16_t)(v.u16[i] >> 8))
MCE_Q_LANES(mce_q_mul_even(mce_q a, mce_q b), 8, s16, (int16_t)(a.s8[2 * i] * b.s8[2 * i]))
MCE_Q_LANES(mce_q_mul_odd(mce_q a, mce_q b), 8, s16, (int16_t)(a.s8[2 * i + 1] * b.s8[2 * i + 1]))
MCE_Q_LANES(mce_q_add16(mce_q a, mce_q b), 8, u16, (uint16_t)(a.u16[i] + b.u16[i]))
MCE_Q_LANES(mce_q_even(mce_q v), 4, s32, v.s16[2 * i])
MCE_Q_LANES(mce_q_odd(mce_q v), 4, s32, v.s16[2 * i + 1])
MCE_Q_LANES(mce_q_unsigned_even(mce_q v), 4, u32, v.u16[2 * i])
MCE_Q_LANES(mce_q_unsigned_odd(mce_q v), 4, u32, v.u16[2 * i + 1])
MCE_Q_LANES(mce_q_add(mce_q a, mce_q b), 4, u32, a.u32[i] + b.u32[i])
MCE_Q_LANES(mce_q_add_all(mce_q a, int32_t b), 4, u32, a.u32[i] + (uint32_t)b)
MCE_Q_LANES(mce_q_shift(mce_q a, int32_t n), 4, u32, n < 0 ? (uint32_t)(a.s32[i] >> -n) : a.u32[i] << n)
MCE_Q_LANES(mce_q_unsigned_shift(mce_q a, int32_t n), 4, u32, n < 0 ? a.u32[i] >> -n : a.u32[i] << n)
MCE_Q_LANES(mce_q_mul_low(mce_q a, mce_q b), 4, u32, a.u32[i] * b.u32[i])
MCE_Q_LANES(mce_q_mul_high(mce_q a, mce_q b), 4, s32, (int32_t)((int64_t)a.s32[i] * b.s32[i] >> 32))
MCE_Q_LANES(mce_q_mul_round(mce_q a, mce_q b), 4, s32, mce_multiply_high(a.s32[i], b.s32[i]))
MCE_Q_LANES(mce_q_carry(mce_q a, mce_q b), 4, u32,
            (uint32_t)(((uint64_t)a.u32[i] + b.u32[i] + ((uint64_t)1 << 31)) >> 32))
MCE_Q_LANES(mce_q_clamp4(mce_q v), 4, u32, v.s32[i] < 0 ? 0 : v.s32[i] > 15 ? 0xFFFFFFFFu : v.u32[i] << 28)
MCE_Q_LANES(mce_q_clamp8(mce_q v), 4, u32, v.s32[i] < 0 ? 0 : v.s32[i] > 255 ? 0xFFFFFFFFu : v.u32[i] << 24)
MCE_Q_LANES(mce_q_under4(mce_q top, mce_q next), 4, u32, (top.u32[i] & 0xF0000000u) | next.u32[i] >> 4)
MCE_Q_LANES(mce_q_under8(mce_q top, mce_q next), 4, u32, (top.u32[i] & 0xFF000000u) | next.u32[i] >> 8)
MCE_Q_LANES(mce_q_upper_byte(mce_q v), 4, u32, v.u32[i] >> 24)
MCE_Q_LANES(mce_q_upper_bytes(mce_q top, mce_q next), 4, u32, (top.u32[i] >> 8 & 0xFFFFFF00u) | next.u32[i] >> 24)

MCE_SHARED int32_t mce_q_clamped(int32_t v, int32_t low, int32_t high)
{ return v < low ? low : v > high ? high : v; }

/* To 16 bits with saturation, then to 0..255: the upper bytes keep what the halfwords were. */
MCE_SHARED mce_q mce_q_narrow(mce_q even, mce_q odd)
{
    mce_q r;
    for (int32_t i = 0; i < 8; i++) {
        r.s16[i] = (int16_t)mce_q_clamped((i & 1) == 0 ? even.s32[i / 2] : odd.s32[i / 2], -32768, 32767);
    }
    for (int32_t i = 0; i < 8; i++) {
        r.u8[2 * i] = (uint8_t)mce_q_clamped(r.s16[i], 0, 255);
    }
    return r;
}

MCE_SHARED int32_t mce_q_dot(int32_t acc, mce_q a, mce_q b)
{
    uint32_t sum = (uint32_t)acc;
    for (int32_t i = 0; i < 16; i++) {
        sum += (uint32_t)(a.s8[i] * b.s8[i]);
    }
    return (int32_t)sum;
}

MCE_SHARED void mce_q_two(const int32_t *p, mce_q *even, mce_q *odd)
{
    for (int32_t i = 0; i < 4; i++) {
        even->s32[i] = p[2 * i];
        odd->s32[i] = p[2 * i + 1];
    }
}

MCE_SHARED void mce_q_store_first(void *p, mce_q v, int32_t n)
{
    for (int32_t i = 0; i < 16 && i < n; i++) {
        ((uint8_t *)p)[i] = v.u8[i];
    }
}

MCE_SHARED void mce_q_store(void *p, mce_q v)
{ mce_q_store_first(p, v, 16); }

MCE_SHARED void mce_q_store_two(void *p, mce_q even, mce_q odd)
{
    for (int32_t i = 0; i < 16; i++) {
        ((uint8_t *)p)[2 * i] = even.u8[i];
        ((uint8_t *)p)[2 * i + 1] = odd.u8[i];
    }
}

MCE_SHARED void mce_q_store_halves_first(void *p, mce_q v, int32_t n)
{
    for (int32_t i = 0; i < 8 && i < n; i++) {
        ((uint8_t *)p)[i] = (uint8_t)v.u16[i];
    }
}

MCE_SHARED void mce_q_store_halves(void *p, mce_q v)
{ mce_q_store_halves_first(p, v, 8); }

MCE_SHARED void mce_q_store_words(void *p, mce_q v)
{
    for (int32_t i = 0; i < 4; i++) {
        ((uint8_t *)p)[i] = (uint8_t)v.u32[i];
    }
}

#endif
#endif
