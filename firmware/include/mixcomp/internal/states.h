/* The bodies of recurrent layers whose value is their states, SPEC.md 4.35: a step is that of 4.29. */
#ifndef MIXCOMP_INTERNAL_STATES_H
#define MIXCOMP_INTERNAL_STATES_H

#include "mixcomp/gru_states.h"
#include "mixcomp/internal/gru.h"
#include "mixcomp/internal/lstm.h"
#include "mixcomp/internal/rnn.h"
#include "mixcomp/lstm_states.h"
#include "mixcomp/rnn_states.h"

/* sums(type, how, product, steps) makes the gates of the state; step(type, p, steps, x, y, t) the states after it. */
#define MCE_STATES(type, count, step, held, sums, how, p, x, before, y, scratch)                                       \
    const mce_steps steps = mce_steps_of(type, p, count, scratch);                                                     \
    mce_states_begin(type, &steps, before, held);                                                                      \
    for (int32_t t = 0; t < (p)->steps; t++) {                                                                         \
        sums(type, how, &(p)->product, &steps);                                                                        \
        step(type, p, &steps, x, y, mce_step_row(p, t));                                                               \
    }
#define MCE_GRU_STATES(type, sums, how, p, x, before, y, scratch)                                                      \
    MCE_STATES(type, 3, mce_gru_states_step, 0, sums, how, p, x, before, y, scratch)
#define MCE_LSTM_STATES(type, sums, how, p, x, before, y, scratch)                                                     \
    MCE_STATES(type, 4, mce_lstm_states_step, 1, sums, how, p, x, before, y, scratch)
#define MCE_RNN_STATES(type, sums, how, p, x, before, y, scratch)                                                      \
    MCE_STATES(type, 1, mce_rnn_states_step, 0, sums, how, p, x, before, y, scratch)

/* Element i of states. */
MCE_INLINE int32_t mce_states_load(const uint8_t *x, int32_t i)
{ return ((x[2 * i] | x[2 * i + 1] << 8) ^ 32768) - 32768; }

MCE_INLINE void mce_states_store(uint8_t *y, int32_t i, int32_t v)
{
    y[2 * i] = (uint8_t)v;
    y[2 * i + 1] = (uint8_t)(v >> 8);
}

/* held: which of the states is kept in 16 bits from step to step; the first is kept as it is multiplied. */
MCE_INLINE void mce_states_begin(mce_type type, const mce_steps *s, const uint8_t *before, int32_t held)
{
    for (int32_t i = 0; i < s->size; i++) {
        s->state[i] = (int16_t)mce_states_load(before, held * s->size + i);
        mce_store_any(type, s->stored, i, s->size, mce_step_output(type, s, mce_states_load(before, i)));
    }
}

/* As mce_gru_step. */
MCE_INLINE void mce_gru_states_step(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *x,
                                    uint8_t *y, int32_t t)
{
    const int32_t size = s->size, from = t * 3 * size;
    (void)p;
    for (int32_t i = 0; i < size; i++) {
        const int32_t h = mce_gru_next(s, x, from, i);
        mce_store_any(type, s->stored, i, size, mce_step_output(type, s, h));
        mce_states_store(y, t * size + i, h);
    }
}

/* As mce_lstm_step. */
MCE_INLINE void mce_lstm_states_step(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *x,
                                     uint8_t *y, int32_t t)
{
    const int32_t size = s->size, from = t * 4 * size;
    (void)p;
    for (int32_t k = 0; k < size; k++) {
        const int32_t h = mce_lstm_next(s, x, from, k), c = s->state[k];
        mce_store_any(type, s->stored, k, size, mce_step_output(type, s, h));
        mce_states_store(y, 2 * t * size + k, h);
        mce_states_store(y, (2 * t + 1) * size + k, c);
    }
}

/* As mce_rnn_step. */
MCE_INLINE void mce_rnn_states_step(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *x,
                                    uint8_t *y, int32_t t)
{
    for (int32_t i = 0; i < s->size; i++) {
        const int32_t h = mce_rnn_next(p, s, x, t * s->size, i);
        mce_store_any(type, s->stored, i, s->size, mce_step_output(type, s, h));
        mce_states_store(y, t * s->size + i, h);
    }
}

#endif
