/* The body of mce_lstm. */
#ifndef MIXCOMP_INTERNAL_LSTM_H
#define MIXCOMP_INTERNAL_LSTM_H

#include "mixcomp/internal/recurrent.h"
#include "mixcomp/lstm.h"

/* sums(type, how, product, steps) makes the gates of the state. */
#define MCE_LSTM(type, sums, how, p, x, h0, c0, y, scratch)                                                            \
    const mce_steps steps = mce_steps_of(type, p, 4, scratch);                                                         \
    mce_lstm_begin(type, p, &steps, h0, c0);                                                                           \
    for (int32_t t = 0; t < (p)->steps; t++) {                                                                         \
        sums(type, how, &(p)->product, &steps);                                                                        \
        mce_lstm_step(type, p, &steps, x, y, mce_step_row(p, t));                                                      \
    }

MCE_INLINE void mce_lstm_begin(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *h0,
                               const uint8_t *c0)
{
    for (int32_t i = 0; i < s->size; i++) {
        s->state[i] = (int16_t)mce_step_initial(p, 1, c0, i);
        mce_store_any(type, s->stored, i, s->size, mce_step_output(type, s, mce_step_initial(p, 0, h0, i)));
    }
}

/* The state k after a step, of what goes in from element `from` of x on; s keeps the cell.
 * i, f, o = sigmoid(x + h of each),  g = tanh(x_g + h_g)
 * c = clamp16((f * c + (i * g + 8 >> 4) + 2^14) >> 15),  h = (o * tanh(clamp16(2c)) + 2^14) >> 15      SPEC.md 4.29
 * |f * c| <= 2^30 and |i * g| <= 2^30: the sum stays within 32 bits. */
MCE_INLINE int32_t mce_lstm_next(const mce_steps *s, const uint8_t *x, int32_t from, int32_t k)
{
    const int32_t size = s->size;
    const int32_t i = mce_sigmoid(mce_step_gate(s, x, from, k));
    const int32_t f = mce_sigmoid(mce_step_gate(s, x, from, size + k));
    const int32_t g = mce_tanh(mce_step_gate(s, x, from, 2 * size + k));
    const int32_t o = mce_sigmoid(mce_step_gate(s, x, from, 3 * size + k));
    const int32_t c = mce_clamp16((f * s->state[k] + ((i * g + 8) >> 4) + (1 << 14)) >> 15);
    const int32_t h = (o * mce_tanh(mce_clamp16(2 * c)) + (1 << 14)) >> 15;
    s->state[k] = (int16_t)c;
    return h;
}

MCE_INLINE void mce_lstm_step(mce_type type, const mce_recurrent *p, const mce_steps *s, const uint8_t *x, uint8_t *y,
                              int32_t t)
{
    const int32_t size = s->size, from = t * 4 * size;
    for (int32_t k = 0; k < size; k++) {
        mce_step_store(type, p, s, y, t, k, mce_step_output(type, s, mce_lstm_next(s, x, from, k)));
    }
}

#endif
