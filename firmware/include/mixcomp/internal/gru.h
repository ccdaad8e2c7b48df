/* The body of mce_gru. */
#ifndef MIXCOMP_INTERNAL_GRU_H
#define MIXCOMP_INTERNAL_GRU_H

#include "mixcomp/gru.h"
#include "mixcomp/internal/recurrent.h"

/* sums(type, how, product, steps) makes the gates of the state. */
#define MCE_GRU(type, sums, how, p, x, h0, y, scratch)                                                                 \
    const mce_steps steps = mce_steps_of(type, p, 3, scratch);                                                         \
    mce_gru_begin(type, p, &steps, h0);                                                                                \
    for (int32_t t = 0; t < (p)->steps; t++) {                                                                         \
        sums(type, how, &(p)->product, &steps);                                                                        \
        mce_gru_step(type, p, &steps, x, y, mce_step_row(p, t));                                                       \
    }

MCE_INLINE void mce_gru_begin(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *h0)
{
    for (int32_t i = 0; i < s->size; i++) {
        const int32_t h = mce_step_initial(p, 0, h0, i);
        s->state[i] = (int16_t)h;
        mce_store_any(type, s->stored, i, s->size, mce_step_output(type, s, h));
    }
}

/* The state i after a step, of what goes in from element `from` of x on.
 * r = sigmoid(x_r + h_r),  z = sigmoid(x_z + h_z),  n = tanh(x_n + (r * h_n + 2^14 >> 15))
 * h = ((2^15 - z) * n + 2 * z * h + 2^15) >> 16                                                        SPEC.md 4.29
 * 0 <= r, z <= 2^15 and |n| <= 2^15: sums and h stay within 32 and 16 bits. */
MCE_INLINE int32_t mce_gru_next(const mce_steps *s, const uint8_t *x, int32_t from, int32_t i)
{
    const int32_t size = s->size;
    const int32_t r = mce_sigmoid(mce_step_gate(s, x, from, i));
    const int32_t z = mce_sigmoid(mce_step_gate(s, x, from, size + i));
    const int32_t kept = (r * s->gates[2 * size + i] + (1 << 14)) >> 15;
    const int32_t n = mce_tanh(mce_clamp16(mce_step_input(s, x, from + 2 * size + i) + kept));
    const int32_t h = ((32768 - z) * n + 2 * z * s->state[i] + (1 << 15)) >> 16;
    s->state[i] = (int16_t)h;
    return h;
}

MCE_INLINE void mce_gru_step(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *x, uint8_t *y,
                             int32_t t)
{
    const int32_t size = s->size, from = t * 3 * size;
    for (int32_t i = 0; i < size; i++) {
        mce_step_store(type, p, s, y, t, i, mce_step_output(type, s, mce_gru_next(s, x, from, i)));
    }
}

#endif
