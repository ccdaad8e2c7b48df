/* What the steps of recurrent layers share: their memory, what goes in, what comes out, and the sums of portable C. */
#ifndef MIXCOMP_INTERNAL_RECURRENT_H
#define MIXCOMP_INTERNAL_RECURRENT_H

#include "mixcomp/internal/dot_w4.h"
#include "mixcomp/internal/gates.h"
#include "mixcomp/recurrent.h"

/* The parts of scratch, and what each step reads of the parameters: in locals, as bytes that are written may be theirs. */
typedef struct mce_steps {
    int32_t size;        /* h */
    mce_scratch *gates;  /* [gates][h], of the state */
    uint8_t *stored;     /* [h], the state as y has it */
    mce_scratch *state;  /* [h] */
    mce_scratch *rest;   /* of the dense layer */
    int32_t x_packed;    /* 4 bits an element */
    int32_t x_sign;      /* value = (bits ^ x_sign) - x_zero + x.zero */
    int32_t x_zero, x_m; /* of what goes in */
    int32_t x_shift;
    int32_t y_zero, y_m, y_shift;
} mce_steps;

/* type: of y. gates: how many a state. */
MCE_INLINE mce_steps mce_steps_of(mce_type type, const mce_recurrent *p, int32_t gates, mce_scratch *scratch)
{
    const int32_t size = p->product.x.c, bytes = mce_is_packed(type) ? (size + 1) >> 1 : size;
    mce_steps s;
    s.size = size;
    s.gates = scratch;
    s.stored = (uint8_t *)(void *)(s.gates + ((gates * size + 1) & ~1));
    s.state = s.gates + ((gates * size + 1) & ~1) + ((bytes + 3) >> 2) * 2;
    s.rest = s.state + ((size + 1) & ~1);
    s.x_packed = mce_is_packed(p->x_type);
    s.x_sign = p->x_type == MCE_S4 ? 8 : p->x_type == MCE_S8 ? 128 : 0;
    s.x_zero = p->x_zero + s.x_sign;
    s.x_m = p->x_requant.multiplier[0], s.x_shift = p->x_requant.shift;
    s.y_zero = p->product.y.zero, s.y_m = p->y_requant.multiplier[0], s.y_shift = p->y_requant.shift;
    return s;
}

/* Element i of what goes in, as a gate; |.| <= 2^30. */
MCE_INLINE int32_t mce_step_input(const mce_steps *s, const uint8_t *x, int32_t i)
{
    const int32_t bits = s->x_packed ? (x[i >> 1] >> ((i & 1) * 4)) & 0x0F : x[i];
    return mce_q32((bits ^ s->x_sign) - s->x_zero, s->x_m, s->x_shift);
}

/* Gate i, of what goes in, from element `from` of x on, and of the state. */
MCE_INLINE int32_t mce_step_gate(const mce_steps *s, const uint8_t *x, int32_t from, int32_t i)
{ return mce_clamp16(mce_step_input(s, x, from + i) + s->gates[i]); }

/* Element i of a state that is given, 0 where none is. */
MCE_INLINE int32_t mce_step_initial(const mce_recurrent *p, int32_t which, const uint8_t *given, int32_t i)
{
    const mce_initial *const from = p->initial + which;
    if (p->given == 0) {
        return 0;
    }
    return mce_clamp16(
        mce_q32(mce_load(from->type, given, i) - from->zero, from->requant.multiplier[0], from->requant.shift));
}

/* The state as y stores it. */
MCE_INLINE int32_t mce_step_output(mce_type type, const mce_steps *s, int32_t state)
{ return mce_requantize(type, s->y_zero, state, s->y_m, s->y_shift); }

/* Element i of the state after step t becomes v, for the next step and in y. */
MCE_INLINE void mce_step_store(mce_type type, const mce_recurrent *p, const mce_steps *s, uint8_t *y, int32_t t,
                               int32_t i, int32_t v)
{
    const int32_t n = p->steps * s->size;
    mce_store_any(type, s->stored, i, s->size, v);
    mce_store_any(type, y, t * s->size + i, n, v);
}

/* gates[o] = clamp16(q32(bias[o] + sum_i level(code[o,i]) * stored[i], m[o], shift))                   SPEC.md 4.29
 * codes: rows as in internal/dense_w4.h; (|bias| + sum |level| * max|stored|) * 2^shift < 2^31. */
MCE_INLINE void mce_gates_rows(mce_type type, int32_t bits, const mce_dense *p, const mce_steps *s)
{
    const uint8_t *codes = (const uint8_t *)p->codes;
    for (int32_t o = 0; o < p->y.c; o++, codes += mce_row_bytes(bits, s->size)) {
        const int32_t acc =
            bits == 8 ? mce_dot_w8((int32_t)type, p->bias[o], s->stored, codes, s->size)
                      : mce_dot_w4((int32_t)type, p->bias[o], s->stored, codes, (const int16_t *)p->levels, s->size);
        const int32_t m = p->requant.multiplier[p->requant.per_channel != 0 ? o : 0];
        s->gates[o] = (int16_t)mce_clamp16(mce_q32(acc, m, p->requant.shift));
    }
}

/* The row of x and y that step t takes and makes. */
MCE_INLINE int32_t mce_step_row(const mce_recurrent *p, int32_t t)
{ return p->backward != 0 ? p->steps - 1 - t : t; }

#endif
