/* The body of mce_rnn. */
#ifndef MIXCOMP_INTERNAL_RNN_H
#define MIXCOMP_INTERNAL_RNN_H

#include "mixcomp/internal/recurrent.h"
#include "mixcomp/rnn.h"

/* sums(type, how, product, steps) makes the gates of the state. */
#define MCE_RNN(type, sums, how, p, x, h0, y, scratch)                                                                 \
    const mce_steps steps = mce_steps_of(type, p, 1, scratch);                                                         \
    mce_rnn_begin(type, p, &steps, h0);                                                                                \
    for (int32_t t = 0; t < (p)->steps; t++) {                                                                         \
        sums(type, how, &(p)->product, &steps);                                                                        \
        mce_rnn_step(type, p, &steps, x, y, mce_step_row(p, t));                                                       \
    }

MCE_INLINE void mce_rnn_begin(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *h0)
{
    for (int32_t i = 0; i < s->size; i++) {
        mce_store_any(type, s->stored, i, s->size, mce_step_output(type, s, mce_step_initial(p, 0, h0, i)));
    }
}

/* u = c16(x + h),  h = c16(tanh(u)), or max(u, 0)                                                       SPEC.md 4.29 */
MCE_INLINE int32_t mce_rnn_next(const mce_recurrent *p, const mce_steps *s, const uint8_t *x, int32_t from, int32_t i)
{
    const int32_t u = mce_step_gate(s, x, from, i);
    return p->relu == 0 ? mce_clamp16(mce_tanh(u)) : u > 0 ? u : 0;
}

MCE_INLINE void mce_rnn_step(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *x, uint8_t *y,
                             int32_t t)
{
    for (int32_t i = 0; i < s->size; i++) {
        mce_step_store(type, p, s, y, t, i, mce_step_output(type, s, mce_rnn_next(p, s, x, t * s->size, i)));
    }
}

#endif
